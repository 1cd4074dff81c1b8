"""Comparison: how far what was exported is from the generator it was made of."""

import numpy as np
import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.data import images
from tfpix2pix.data.formats import PixelFormat, full_range
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.errors import InputError
from tfpix2pix.export.signatures import served_as_files


def parity(generator, version, task=None, size=None):
    """Measures how far a SavedModel is from the generator it was made of.

    Compares every signature that translates, at the sizes of `example_pixels`.

    Args:
        generator: `keras.Model`.
        version: Folder of the SavedModel.
        task: As it was exported with.
        size: As it was exported with.

    Returns:
        float: the largest difference in [-1, 1]; pixels count with what exceeds one level of 255,
            since a difference of any size can turn the rounding.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> from tfpix2pix.export import export
        >>> parity(generator, export(generator, "exports/parity")[0]) < 1e-4
        True
    """
    task = task or task_of_8_bits(generator)
    served = tf.saved_model.load(str(version)).signatures
    differences = []
    for pixels in example_pixels(generator, task, size):
        source = task.source(pixels)
        expected = inference.translate(generator, source)
        differences.append(np.abs(served["float"](image=source)["output"] - expected).max())
        own = task.picture(source, expected)
        if "uint8" in served:
            differences.append(_excess(served["uint8"](image=pixels)["output"], own))
        asked = {}
        if served_as_files(task):
            asked["image_bytes"] = tf.stack([images.encode(image) for image in pixels])
            files = served["serving_default"](**asked)["output_bytes"]
            differences.append(_excess(_decoded(files, own), own))
        if "sampled" in served:
            seed = tf.constant([5, 5], "int64")
            expected = inference.translate(generator, source, samples=1, seed=5)[0]
            if asked:
                files = served["sampled"](**asked, seed=seed)["output_bytes"]
                own = task.picture(source, expected)
                differences.append(_excess(_decoded(files, own), own))
            else:
                sampled = served["sampled"](image=source, seed=seed)["output"]
                differences.append(np.abs(sampled - expected).max())
    return float(np.max(differences))


def _excess(pixels, expected):
    """Returns by how much pixels differ beyond one level, in [-1, 1]."""
    levels = np.abs(np.subtract(pixels, expected, dtype=int)).max()
    return max(levels - 1, 0) * 2 / expected.dtype.max


def _decoded(files, like):
    return [images.decode(png, like.shape[-1], like.dtype.name) for png in files]


def example_pixels(generator, task, size=None):
    """Yields images of noise on which an export and its generator are compared.

    Args:
        generator: `keras.Model`.
        task: As it is exported with.
        size: As it is exported with, or `None`.

    Yields:
        Pixels of the task's source kind, `[2, height, width, channels]`: of a size that the network
        takes, of one that is padded, and of `size`.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> [tuple(x.shape[1:3]) for x in example_pixels(generator, task_of_8_bits(generator))]
        [(8, 4), (5, 7)]
    """
    multiple, kind = inference.size_multiple(generator), task.source_format
    sizes = [(2 * multiple, multiple), (multiple + 1, 2 * multiple - 1), *([size] if size else [])]
    random = np.random.default_rng(0)
    for height, width in sizes:
        values = random.uniform(*kind.value_range, (2, height, width, kind.channels))
        yield tf.constant(values.astype(kind.dtype))


def check_parity(difference, tolerance, place):
    """Refuses what is not equal to its generator.

    Args:
        difference: As measured, in [-1, 1].
        tolerance: Largest difference allowed.
        place: Where it was to be published.

    Raises:
        ValueError: If the difference is larger, or not a number.

    Example:
        >>> check_parity(1e-6, 1e-4, "exports/facades")
    """
    if not difference <= tolerance:
        raise InputError(
            f"The exported model must agree with the trained one within {tolerance}. Received: a "
            f"difference of {difference:.3g}; nothing was published to {place}. Leave layers that "
            "are random or depend on the batch at inference out of the generator."
        )


def task_of_8_bits(generator):
    """Returns the task of pairs of 8 bits, of the channels of a generator.

    Args:
        generator: `keras.Model`.

    Returns:
        `tfpix2pix.data.tasks.Pairs`.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 1), depth=2, base_filters=4)
        >>> task_of_8_bits(generator).channels
        (1, 3)
    """
    shapes = (generator.input_shape, generator.output_shape)
    return Pairs(tuple(PixelFormat(shape[-1], "uint8", full_range("uint8")) for shape in shapes))
