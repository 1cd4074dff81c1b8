"""Signatures: what a served model can be asked, as functions of one body of weights."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from types import MappingProxyType
from typing import Any, Callable, Optional

import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.data import images
from tfpix2pix.export.controlled import (
    all_specs,
    batch_spec,
    checked_values,
    chosen_batches,
    first_sample,
    values_and_flags,
)
from tfpix2pix.export.directions import CARD, Served, served_directions
from tfpix2pix.export.embeddings import FILES, embedding_names, embedding_signatures
from tfpix2pix.export.limits import MOST_PIXELS, check_size, decode
from tfpix2pix.inference import SEED, Control, Direction, Embedding
from tfpix2pix.inference.graph import evaluate, has_dropout, layer_output
from tfpix2pix.inference.translation import has_open_sides, padded_inputs

SEEDS = tf.TensorSpec((None,), tf.int64, name="seed")


def signatures(
    directions: Mapping[str, Direction],
    card: Mapping[str, Any],
    *,
    size: Optional[tuple[int, int]] = None,
    embeddings: Mapping[str, Embedding] = MappingProxyType({}),
    most_pixels: int = MOST_PIXELS,
    read: Callable = nullcontext,
) -> dict[str, Any]:
    """Makes the signatures of a served model; see `tfpix2pix.export.export`.

    Args:
        directions: Dict of names to `tfpix2pix.inference.Direction`, the default one first.
        card: What `model_card` answers, as JSON; see `tfpix2pix.export.model_card`.
        size: `(height, width)` in pixels of most images, or `None`. For these the graph knows the
            sizes of all maps, and takes matrix products where they are faster.
        embeddings: Dict of names to `tfpix2pix.inference.Embedding`, the default one first.
        most_pixels: Height times width of the largest image that is translated.
        read: Function of a network to the context in which it is traced, see
            `tfpix2pix.export.weights.StoredWeights`.

    Returns:
        Dict of name to `tf.function`. They refer to the variables of the networks.

    Raises:
        ValueError: If two signatures would have one name.

    Example:
        >>> from tfpix2pix.export import named_directions
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4, dropout_levels=0)
        >>> list(signatures(named_directions(generator), {}))
        ['model_card', 'serving_default', 'float', 'uint8']
    """
    functions = {CARD: _card_function(card)}
    options = {"most_pixels": most_pixels, "read": read}
    for served in served_directions(directions).values():
        direction = DirectionSignatures(served.direction, size=size, **options)
        functions.update(direction.functions(served))
    names = embedding_names(embeddings, functions)
    return {**functions, **embedding_signatures(embeddings, names, **options)}


class DirectionSignatures:
    """The signatures of one direction, a method each.

    Args:
        direction: `tfpix2pix.inference.Direction`.
        size: `(height, width)` in pixels of most images, or `None`.
        most_pixels: Height times width of the largest image that is translated.
        read: Function of a network to the context in which it is traced, see
            `tfpix2pix.export.weights.StoredWeights`.

    Example:
        >>> from tfpix2pix.export import named_directions
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> signatures = DirectionSignatures(named_directions(generator)["translate"])
        >>> signatures.floats(tf.zeros((1, 5, 7, 3)))["output"].shape
        TensorShape([1, 5, 7, 3])
    """

    def __init__(
        self,
        direction: Direction,
        *,
        size: Optional[tuple[int, int]] = None,
        most_pixels: int = MOST_PIXELS,
        read: Callable = nullcontext,
    ):
        self._direction = direction
        self._size = size
        self._most_pixels = most_pixels
        self._read = read
        channels = direction.network.inputs[0].shape[-1]
        self._floats = tf.TensorSpec((None, None, None, channels), name="image")
        specs = [tf.TensorSpec(x.shape, x.dtype) for x in direction.network.inputs[1:]]
        # One trace for all signatures without noise, and one for those with it.
        translate = _graph(self._translate, self._floats, *specs)
        self._translated = translate.get_concrete_function()
        self._noisy = None
        if direction.has_seed and has_dropout(direction.network):
            noisy = _graph(self._with_noise, self._floats, tf.TensorSpec((), tf.int64), *specs)
            self._noisy = noisy.get_concrete_function()

    def functions(self, direction: Served) -> dict[str, Any]:
        """Returns the signatures under their names.

        Args:
            direction: `tfpix2pix.export.directions.Served` of this direction.

        Returns:
            Dict of name to `tf.function`.
        """
        _, names, as_files = direction
        image = FILES if as_files else self._floats
        pixel_format = self._direction.task.source_format
        pixels = tf.TensorSpec(
            (None, None, None, pixel_format.channels), pixel_format.dtype, name="image"
        )
        served = {
            names.default: _graph(self.files if as_files else self.floats, image),
            names.float: _graph(self.floats, self._floats),
        }
        if names.uint8 is not None:
            served[names.uint8] = _graph(self.pixels, pixels)
        for control in self._direction.controls:
            name = names.controls[control.name]
            if control.neutral is None:
                method = self.sampled_files if as_files else self.sampled_floats
                served[name] = _graph(method, image, SEEDS)
            else:
                served[name] = self._controlled(control, image)
        if names.controlled is not None:
            method = self.all_files if as_files else self.all_floats
            served[names.controlled] = _graph(method, image, *all_specs(self._direction))
        return served

    def floats(self, image):
        """Translates floats to floats."""
        image = self._checked_rank(image)
        return {"output": self._neutral(image)}

    def pixels(self, image):
        """Translates pixels to pixels."""
        task = self._direction.task
        source = task.source(self._checked_rank(image))
        return {"output": task.picture(source, self._neutral(source))}

    def files(self, image_bytes):
        """Translates files to files."""
        translated = tf.map_fn(
            lambda file: self._file(file, self._neutral), image_bytes, fn_output_signature=tf.string
        )
        return {"output_bytes": translated}

    def sampled_files(self, image_bytes, seed):
        """Translates files to files, with noise by a seed each."""
        translated = tf.map_fn(
            lambda pair: self._file(pair[0], lambda source: self._sample(source, pair[1])),
            (image_bytes, seed),
            fn_output_signature=tf.string,
        )
        return {"output_bytes": translated}

    def sampled_floats(self, image, seed):
        """Translates floats to floats, with noise by a seed each."""
        output = tf.TensorSpec((None, None, self._direction.network.outputs[0].shape[-1]))
        sampled = tf.map_fn(
            lambda pair: self._sample(pair[0][tf.newaxis], pair[1])[0],
            (image, seed),
            fn_output_signature=output,
        )
        return {"output": sampled}

    def controlled_files(self, control: Control, image_bytes, values):
        """Translates files to files, with a value of a control each."""

        def translate(file, value):
            batch = value[tf.newaxis]
            return self._file(file, lambda source: self._with(control, source, batch))

        translated = tf.map_fn(
            lambda pair: translate(*pair),
            (image_bytes, checked_values(control, values, image_bytes)),
            fn_output_signature=tf.string,
        )
        return {"output_bytes": translated}

    def controlled_floats(self, control: Control, image, values):
        """Translates floats to floats, with a value of a control each."""
        image = self._checked_rank(image)
        return {"output": self._with(control, image, checked_values(control, values, image))}

    def all_files(self, image_bytes, *inputs):
        """Translates files to files, with a value of every control each, and whether it is set."""

        def translate(file, values, flags):
            return self._file(file, lambda source: self._asked(source, values, flags))

        translated = tf.map_fn(
            lambda row: translate(*row),
            (image_bytes, *values_and_flags(self._direction, inputs, image_bytes)),
            fn_output_signature=tf.string,
        )
        return {"output_bytes": translated}

    def all_floats(self, image, *inputs):
        """Translates floats to floats, with every control each, and whether it is set."""
        image = self._checked_rank(image)
        output = tf.TensorSpec((None, None, self._direction.network.outputs[0].shape[-1]))
        translated = tf.map_fn(
            lambda row: self._asked(row[0][tf.newaxis], *row[1:])[0],
            (image, *values_and_flags(self._direction, inputs, image)),
            fn_output_signature=output,
        )
        return {"output": translated}

    def _asked(self, source, values, is_set):
        """Translates one image with a value of every control, as far as they are set."""
        controls = chosen_batches(self._direction, source, values, is_set)
        if self._noisy is None:
            return self._translated(source, *controls)
        return tf.cond(
            is_set[SEED.name],
            lambda: self._noisy(source, values[SEED.name], *controls),
            lambda: self._translated(source, *controls),
        )

    def _controlled(self, control, image):
        method = self.controlled_files if image is FILES else self.controlled_floats
        return _graph(partial(method, control), image, batch_spec(control))

    def _neutral(self, source):
        """Translates floats with all controls neutral."""
        return self._translated(source, *inference.control_batches(self._direction, source))

    def _with(self, control, source, values):
        """Translates floats with values of one control, the others neutral."""
        controls = inference.control_batches(self._direction, source, {control.name: values})
        return self._translated(source, *controls)

    def _translate(self, image, *controls):
        check_size(tf.shape(image)[1:3], self._most_pixels)
        controls = _checked_maps(image, controls)

        def translate(image, controls):
            return inference.translate(
                self._direction.network,
                image,
                controls=controls,
                multiple=self._direction.multiple,
            )

        with self._read(self._direction.network):
            if self._size is None:
                return translate(image, controls)
            size = self._size
            return tf.cond(
                tf.reduce_all(tf.shape(image)[1:3] == size),
                lambda: translate(_sized(image, size), [_sized(value, size) for value in controls]),
                lambda: translate(image, controls),
            )

    def _sample(self, image, seed):
        """Translates a batch with the chance of the first sample of `inference.translate_in`."""
        controls = inference.control_batches(self._direction, image, seed=first_sample(seed))
        if self._noisy is None:
            return self._translated(image, *controls)
        return self._noisy(image, seed, *controls)

    def _with_noise(self, image, seed, *controls):
        """Translates a batch with the noise of dropout."""
        check_size(tf.shape(image)[1:3], self._most_pixels)
        controls = _checked_maps(image, controls)
        network = self._direction.network
        height, width = tf.unstack(tf.shape(image)[1:3])
        inputs, top, left = padded_inputs(network, image, controls, self._direction.multiple)

        def apply(layer, *values):
            return layer_output(layer, values, "per_image", first_sample(seed))

        with self._read(network):
            translated = evaluate(network, inputs[0], apply, inputs[1:])
        return translated[:, top : top + height, left : left + width]

    def _file(self, encoded, translate):
        # One by one: files of a batch may differ in size, and no image may depend on another.
        task = self._direction.task
        source = task.source(decode(encoded, task.source_format, self._most_pixels))[tf.newaxis]
        return images.encode(task.picture(source, translate(source))[0])

    def _checked_rank(self, image):
        """Refuses what has not four axes: the shape of a signature does not, nor do kernels."""
        return tf.ensure_shape(image, (None, None, None, image.shape[3]))


def _graph(function, *specs):
    return tf.function(function, input_signature=specs, autograph=False)


def _card_function(card):
    def serve_card(request):
        return {"model_card": tf.fill(tf.shape(request), json.dumps(card))}

    return _graph(serve_card, tf.TensorSpec((None,), tf.string, name="request"))


def _sized(value, size):
    """Tells the graph the sides of images, and of controls that are as high and wide."""
    if not has_open_sides(value.shape[1:]):
        return value
    # Not by `tf.ensure_shape`: optimized within a loop, it is run for other sizes too.
    return tf.reshape(value, (-1, *size, value.shape[3]))


def _checked_maps(image, controls):
    """Refuses controls with open sides that are not as high and wide as the images."""
    size = tf.shape(image)[1:3]
    checks = []
    for value in controls:
        if has_open_sides(value.shape[1:]):
            sides = tf.stack([tf.shape(value)[1:3], size])
            rule = "A map must be as high and wide as its image. Received: [map image]"
            fits = tf.reduce_all(sides[0] == sides[1])
            checks.append(tf.debugging.Assert(fits, [rule, sides, "Scale one of them."]))
    with tf.control_dependencies(checks):  # Else a layer could fail first, in its words.
        return tuple(tf.identity(value) for value in controls)
