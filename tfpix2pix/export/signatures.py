"""Signatures: what a served model can be asked, as functions of one body of weights."""

import json

import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.data import images
from tfpix2pix.data.geometry import reflect_to_multiple
from tfpix2pix.inference.graph import evaluate, output_of
from tfpix2pix.layers import Dropout

MOST_PIXELS = 2**24  # Of an image that is served, such as 4096 x 4096.


def signatures(generator, task, card, *, size=None, most_pixels=MOST_PIXELS):
    """Makes the signatures of a served model; see `tfpix2pix.export.export`.

    Args:
        generator: `keras.Model` with open sides.
        task: `tfpix2pix.data.tasks.Pairs` or another.
        card: What `model_card` answers, as JSON; see `tfpix2pix.export.model_card`.
        size: `(height, width)` in pixels of most images, or `None`. For these the graph knows the
            sizes of all maps, and takes matrix products where they are faster.
        most_pixels: Height times width of the largest image that is translated.

    Returns:
        Dict of name to `tf.function`. They refer to the variables of the generator.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.data.tasks import Pairs
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4, dropout_levels=0)
        >>> task = Pairs((PixelFormat(3, "uint8", (0.0, 255.0)),) * 2)
        >>> list(signatures(generator, task, {}))
        ['float', 'model_card', 'uint8', 'serving_default']
    """
    floats = tf.TensorSpec((None, None, None, generator.input_shape[-1]), name="image")
    kind = task.source_format
    pixels = tf.TensorSpec((None, None, None, kind.channels), kind.dtype, name="image")

    # One trace for all signatures.
    @tf.function(input_signature=[floats])
    def translate(image):
        _check_size(tf.shape(image)[1:3], most_pixels)
        return _translated(generator, image, size)

    @tf.function(input_signature=[floats])
    def serve_floats(image):
        return {"output": translate(_of_four_axes(image))}

    @tf.function(input_signature=[pixels])
    def serve_pixels(image):
        source = task.source(_of_four_axes(image))
        return {"output": task.picture(source, translate(source))}

    def translate_file(encoded, network):
        return _translated_file(task, encoded, network, most_pixels)

    def sample(image, seed):
        _check_size(tf.shape(image)[1:3], most_pixels)
        return _sampled(generator, image, seed)

    files = tf.TensorSpec((None,), tf.string, name="image_bytes")
    seeds = tf.TensorSpec((None,), "int64", name="seed")

    @tf.function(input_signature=[files])
    def serve_files(image_bytes):
        translated = tf.map_fn(
            lambda file: translate_file(file, translate), image_bytes, fn_output_signature=tf.string
        )
        return {"output_bytes": translated}

    @tf.function(input_signature=[files, seeds])
    def serve_sampled_files(image_bytes, seed):
        translated = tf.map_fn(
            lambda one: translate_file(one[0], lambda source: sample(source, one[1])),
            (image_bytes, seed),
            fn_output_signature=tf.string,
        )
        return {"output_bytes": translated}

    @tf.function(input_signature=[floats, seeds])
    def serve_samples(image, seed):
        output = tf.TensorSpec((None, None, generator.output_shape[-1]))
        sampled = tf.map_fn(
            lambda one: sample(one[0][tf.newaxis], one[1])[0],
            (image, seed),
            fn_output_signature=output,
        )
        return {"output": sampled}

    as_files = served_as_files(task)
    served = {"float": serve_floats, "model_card": _card_server(card)}
    if {kind.dtype, task.target_format.dtype} == {"uint8"}:
        served["uint8"] = serve_pixels
    if any(isinstance(layer, Dropout) for layer in generator.layers):
        served["sampled"] = serve_sampled_files if as_files else serve_samples
    served["serving_default"] = serve_files if as_files else serve_floats
    return served


def _card_server(card):
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="request")])
    def serve_card(request):
        return {"model_card": tf.fill(tf.shape(request), json.dumps(card))}

    return serve_card


def _translated_file(task, encoded, network, most_pixels):
    # One by one: files of a batch may differ in size, and no image may depend on its neighbours.
    kind = task.source_format
    with tf.control_dependencies([_check_size(_declared_size(encoded), most_pixels)]):
        decoded = images.decode(encoded, kind.channels, kind.dtype)
    source = task.source(decoded)[tf.newaxis]
    return images.encode(task.picture(source, network(source))[0])


def served_as_files(task):
    """Whether PNG holds what is translated, as TensorFlow decodes it, and the translations.

    Args:
        task: `tfpix2pix.data.tasks.Pairs` or another.

    Returns:
        bool.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.data.tasks import Pairs
        >>> served_as_files(Pairs((PixelFormat(6, "uint8", (0.0, 255.0)),) * 2))
        False
    """
    formats = (task.source_format, task.target_format)
    return all(kind.channels in (1, 3, 4) and kind.dtype != "float32" for kind in formats)


def _translated(generator, image, size):
    if size is None:
        return inference.translate(generator, image)

    def of_known_size():
        # Not by `tf.ensure_shape`: optimized within a loop, it is run for other sizes too.
        return inference.translate(generator, tf.reshape(image, (-1, *size, image.shape[3])))

    known = tf.reduce_all(tf.shape(image)[1:3] == size)
    return tf.cond(known, of_known_size, lambda: inference.translate(generator, image))


def _sampled(generator, images, seed):
    """Translates a batch with the noise of the first sample of `inference.translate`."""
    height, width = tf.unstack(tf.shape(images)[1:3])
    padded, top, left = reflect_to_multiple(images, inference.size_multiple(generator))
    pair = tf.stack([seed, tf.zeros_like(seed)])
    translated = evaluate(
        generator, padded, lambda layer, *inputs: output_of(layer, inputs, "per_image", pair)
    )
    return translated[:, top : top + height, left : left + width]


def _of_four_axes(image):
    """Refuses what has not four axes, with which oneDNN ends the whole process of a server."""
    return tf.ensure_shape(image, (None, None, None, image.shape[3]))


def _check_size(size, most_pixels):
    """Refuses an image by its `[height, width]`: a server enforces no shape of a signature."""
    size = tf.cast(size, "int64")
    fits = tf.reduce_all(size > 0) & (tf.reduce_prod(size) <= most_pixels)
    rule = (
        f"An image must have at least 1 pixel and at most {most_pixels}. Received: [height width]"
    )
    return tf.debugging.Assert(fits, [rule, size, "Scale it, or cut it into parts."])


def _declared_size(encoded):
    """Reads `[height, width]` out of the head of a file, so that no bomb is decoded.

    Of other files than PNG, JPEG, GIF and BMP it is 1 pixel; decoding refuses them.
    """
    head = tf.io.decode_raw(tf.strings.substr(encoded, 0, 26), "uint8", fixed_length=26)
    head = tf.cast(head, "int64")

    def number(offset, powers):
        digits = head[offset : offset + len(powers)]
        return tf.reduce_sum(digits * [256**power for power in powers])

    def starts(magic):
        return tf.reduce_all(head[: len(magic)] == list(magic))

    def of_bmp():
        height = number(22, (0, 1, 2, 3))
        return tf.stack([tf.minimum(height, 2**32 - height), number(18, (0, 1, 2, 3))])

    return tf.case(
        [
            (
                starts(b"\x89PNG"),
                lambda: tf.stack([number(20, (3, 2, 1, 0)), number(16, (3, 2, 1, 0))]),
            ),
            (starts(b"\xff\xd8\xff"), lambda: tf.image.extract_jpeg_shape(encoded, "int64")[:2]),
            (starts(b"GIF"), lambda: tf.stack([number(8, (0, 1)), number(6, (0, 1))])),
            (starts(b"BM"), of_bmp),
        ],
        default=lambda: tf.ones(2, "int64"),
    )
