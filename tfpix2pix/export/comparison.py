"""Comparison: how far what was exported is from the networks it was made of."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Optional

import numpy as np
import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.data import images
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.errors import InputError
from tfpix2pix.export.cards import with_values
from tfpix2pix.export.directions import SET, Served, fits_png, served_directions
from tfpix2pix.export.embeddings import embedding_names
from tfpix2pix.export.weights import StoredWeights
from tfpix2pix.inference import SEED, Control, Direction, Embedding
from tfpix2pix.inference.translation import has_open_sides

SEED_OF_SAMPLES = 5  # With which noise is compared.
# A norm over the few pixels of a smaller map makes rounding errors hundreds of times larger.
LEAST_SIDE = 32


def parity(
    directions,
    version: Path,
    *,
    task=None,
    size: Optional[tuple[int, int]] = None,
    embeddings: Mapping[str, Embedding] = MappingProxyType({}),
) -> float:
    """Measures how far a SavedModel is from the networks it was made of.

    Compares every signature that translates, at the sizes of `example_pixels`; those of controls
    with their neutral values and with others, and that of all controls with none, all, and every
    other one set; and every signature of embeddings.

    Args:
        directions: As exported: dict of names to `tfpix2pix.inference.Direction`, or a generator.
        version: Folder of the SavedModel.
        task: Of a generator, as exported.
        size: As exported.
        embeddings: As exported.

    Returns:
        float: the largest difference in [-1, 1]; pixels count with what exceeds one level of 255,
            since a difference of any size can turn the rounding, and vectors as
            `difference_of_vectors` says.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> from tfpix2pix.export import export
        >>> parity(generator, export(generator, "exports/parity")[0]) < 1e-4
        True
    """
    functions = tf.saved_model.load(str(version)).signatures
    differences = []
    for served in served_directions(directions, task).values():
        for pixels in example_pixels(served.direction, size):
            differences += _differences(served, functions, pixels)
    for name, names in embedding_names(embeddings).items():
        differences += _differences_of_vectors(embeddings[name], names, functions)
    return float(np.max(differences))


def _differences_of_vectors(embedding, names, functions):
    """Yields the differences of both signatures of an embedding, of images of several sizes."""
    height, width = embedding.image_size
    sizes = [(height, width), (height + 1, 2 * width - 1), (-(-height // 2), width)]
    for pixels in noise_pixels(embedding.task.source_format, sizes):
        source = embedding.task.source(pixels)
        requests = {names.float: {"image": source}}
        if fits_png(embedding.task.source_format):
            files = tf.stack([images.encode(image) for image in pixels])
            requests[names.default] = {"image_bytes": files}
        expected = inference.embed(embedding, source)
        for signature, request in requests.items():
            yield difference_of_vectors(functions[signature](**request)["embedding"], expected)


def difference_of_vectors(answer, expected) -> float:
    """Returns the largest difference of numbers, in parts of the largest where that is above 1.

    Args:
        answer: float `[batch, length]`.
        expected: The same.

    Example:
        >>> difference_of_vectors(np.array([[0.0, 1.0]]), np.array([[0.0, 2.0]]))
        0.5
    """
    return float(np.max(np.abs(answer - expected)) / max(1.0, np.max(np.abs(expected))))


def _differences(served: Served, functions, pixels):
    """Yields the difference of each signature of a direction."""
    direction, names, as_files = served
    task = direction.task
    source = task.source(pixels)
    request = {"image": source}
    if as_files:
        request = {"image_bytes": tf.stack([images.encode(image) for image in pixels])}

    def difference(signature, inputs, values):
        expected = inference.translate_in(direction, source, values)
        return _difference(functions[signature](**inputs), task, source, expected)

    def controlled(control, values):
        asked = {control.name: values if control.neutral is not None else SEED_OF_SAMPLES}
        signature = names.controls[control.name]
        return difference(signature, {**request, control.name: values}, asked)

    yield difference(names.float, {"image": source}, {})
    yield difference(names.default, request, {})
    if names.uint8 is not None:
        yield difference(names.uint8, {"image": pixels}, {})
    others = {control.name: other_values(control, source) for control in direction.controls}
    for control in direction.controls:
        yield controlled(control, others[control.name])
        if control.neutral is not None:
            yield controlled(control, control.neutral(source))
    if names.controlled is not None:
        controlled_function = functions[names.controlled]
        yield _controlled_difference(direction, controlled_function, request, source, others)


def _controlled_difference(direction, signature, request, source, values):
    """Returns the difference of a signature of all controls, of which each image sets others."""
    names = list(values)
    subsets = [(), names, names[::2], names[1::2]]
    inputs = {name: np.repeat(value, len(subsets), axis=0) for name, value in values.items()}
    images_asked = {name: np.repeat(value, len(subsets), axis=0) for name, value in request.items()}
    flags = {f"{SET}{name}": [name in asked for asked in subsets] * len(source) for name in names}
    answer = signature(
        **{name: tf.constant(value) for name, value in {**images_asked, **inputs, **flags}.items()}
    )
    expected = []
    for index in range(len(source)):
        one = source[index : index + 1]
        for asked in subsets:
            chosen = {name: values[name][index : index + 1] for name in asked}
            if SEED.name in chosen:
                chosen[SEED.name] = SEED_OF_SAMPLES
            expected.append(inference.translate_in(direction, one, chosen)[0])
    sources = tf.repeat(source, len(subsets), axis=0)
    return _difference(answer, direction.task, sources, tf.stack(expected))


def rounding(
    directions: Mapping[str, Direction],
    stored: StoredWeights,
    examples: Mapping[str, list],
    *,
    size: Optional[tuple[int, int]] = None,
) -> dict[str, float]:
    """Measures how far the rounding of weights moves translations.

    Args:
        directions: Dict of names to `tfpix2pix.inference.Direction`.
        stored: `tfpix2pix.export.weights.StoredWeights` of their networks.
        examples: As of `tfpix2pix.export.model_card`; a direction without any is measured on the
            noise of `example_pixels`.
        size: As exported.

    Returns:
        Dict of `largest` and `mean`, differences in [-1, 1].

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> from tfpix2pix.export import named_directions
        >>> directions = named_directions(unet_generator((None, None, 3), depth=2, base_filters=4))
        >>> stored = StoredWeights([directions["translate"].network], "float16")
        >>> 0 < rounding(directions, stored, {})["largest"] < 0.01
        True
    """

    def translations():
        for name, direction in directions.items():
            shown = [with_values(example) for example in examples.get(name, ())]
            noise = ((pixels, {}) for pixels in example_pixels(direction, size))
            for pixels, values in [(one[np.newaxis], x) for one, x in shown] or noise:
                source = direction.task.source(tf.constant(pixels))
                yield np.ravel(inference.translate_in(direction, source, values))

    exact = np.concatenate(list(translations()))
    with stored.rounded():
        difference = np.abs(np.concatenate(list(translations())) - exact)
    return {"largest": float(difference.max()), "mean": float(difference.mean())}


def _difference(answer, task, source, expected):
    (output,) = answer.values()
    if output.dtype == tf.float32:
        return np.abs(output - expected).max()
    picture = task.picture(source, expected)
    if output.dtype == tf.string:
        channels = picture.shape[-1]
        output = [images.decode(png, channels, picture.dtype.name) for png in output]
    levels = np.abs(np.subtract(output, picture, dtype=int)).max()
    return max(levels - 1, 0) * 2 / picture.dtype.max


def example_pixels(direction: Direction, size: Optional[tuple[int, int]] = None) -> Iterator:
    """Yields images of noise on which an export and its networks are compared.

    Args:
        direction: `tfpix2pix.inference.Direction`.
        size: As exported, or `None`.

    Yields:
        Pixels of the task's source format, `[2, height, width, channels]`: of a size that the
        network takes, of one that is padded, and of `size`.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> from tfpix2pix.export import named_directions
        >>> direction = named_directions(generator)["translate"]
        >>> [tuple(pixels.shape[1:3]) for pixels in example_pixels(direction)]
        [(64, 32), (33, 63)]
    """
    multiple = direction.multiple
    side = -(-LEAST_SIDE // multiple) * multiple
    sizes = [(2 * side, side), (side + 1, 2 * side - 1), *([size] if size else [])]
    yield from noise_pixels(direction.task.source_format, sizes)


def noise_pixels(pixel_format: PixelFormat, sizes: Iterable[tuple[int, int]]) -> Iterator:
    """Yields two images of noise of each size.

    Args:
        pixel_format: `tfpix2pix.data.formats.PixelFormat`.
        sizes: `(height, width)`s in pixels.

    Yields:
        Pixels `[2, height, width, channels]`, always the same.

    Example:
        >>> grey = PixelFormat(1, "uint8", (0.0, 255.0))
        >>> next(noise_pixels(grey, [(4, 6)])).shape
        TensorShape([2, 4, 6, 1])
    """
    random = np.random.default_rng(0)
    for height, width in sizes:
        shape = (2, height, width, pixel_format.channels)
        values = random.uniform(*pixel_format.value_range, shape)
        yield tf.constant(values.astype(pixel_format.dtype))


def other_values(control: Control, source):
    """Returns a batch of values of a control that are not neutral; of text they are neutral.

    Args:
        control: `tfpix2pix.inference.Control`.
        source: float32 `[batch, height, width, channels]`.

    Returns:
        Tensor `[batch, *shape]`, random in the control's range.

    Example:
        >>> about = {"kind": "choice", "names": ["dry", "wet"]}
        >>> season = Control("season", tf.TensorSpec((), "int32"), tf.zeros_like, about)
        >>> other_values(season, tf.zeros((2, 4, 4, 3))).shape
        TensorShape([2])
    """
    shape = list(control.spec.shape)
    dtype = control.spec.dtype
    if control.neutral is None:
        return tf.fill([source.shape[0]], tf.constant(SEED_OF_SAMPLES, dtype))
    if dtype == tf.string:
        return control.neutral(source)
    if control.about.get("kind") == "points":
        return _random_points(source, shape[-1])
    if has_open_sides(shape):
        shape[:2] = source.shape[1:3]
    shape = (source.shape[0], *shape)
    random = np.random.default_rng(1)
    if dtype.is_floating:
        low, high = control.about.get("range", (-1.0, 1.0))
        return tf.constant(random.uniform(low, high, shape), dtype)
    highest = len(control.about.get("names", ())) - 1 if control.spec.shape.rank == 0 else 1
    low, high = control.about.get("range", (0, max(highest, 1)))
    return tf.constant(random.integers(low, high, shape, endpoint=True), dtype)


def _random_points(source, numbers, count=3):
    """Returns points of a radius of 2 within images, of any colours."""
    random = np.random.default_rng(1)
    height, width = source.shape[1:3]
    highest = [height - 1, width - 1, *[255] * (numbers - 3), 2]
    lowest = [0] * (numbers - 1) + [2]
    shape = (source.shape[0], count, numbers)
    return tf.constant(random.uniform(lowest, highest, shape), "float32")


def check_parity(difference: float, tolerance: float, folder):
    """Refuses what is not equal to its networks.

    Args:
        difference: As measured, in [-1, 1].
        tolerance: Largest difference allowed.
        folder: Where it was to be published.

    Raises:
        ValueError: If the difference is larger, or not a number.

    Example:
        >>> check_parity(1e-6, 1e-4, "exports/facades")
    """
    if not difference <= tolerance:
        raise InputError(
            f"The exported model must agree with the trained one within {tolerance}. Received: a "
            f"difference of {difference:.3g}; nothing was published to {folder}. Leave layers that "
            "are random or depend on the batch at inference out of the generator."
        )
