"""Publication: a SavedModel becomes a version of a served model if it is proved equal."""

import os
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.data import images
from tfpix2pix.data.kinds import Kind, full_range
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.errors import InputError
from tfpix2pix.export.signatures import served_as_files, signatures


def export(generator, folder, *, task=None, size=None, keep=None, finish=None, tolerance=1e-4):
    """Writes a generator as the next version of a served model.

    The SavedModel takes images of any size up to `tfpix2pix.export.MOST_PIXELS`. Its signatures:

    * `serving_default`: `image_bytes`, string `[batch]`, PNG or JPEG files of any sizes, to
      `output_bytes`, string `[batch]`, PNG files of the same sizes, of the task's bits and
      channels. Where PNG cannot hold these, it is the same as `float`.
    * `float`: `image`, float32 `[batch, height, width, channels]` in [-1, 1], to `output`, float32
      `[batch, height, width, output_channels]`.
    * `uint8`, where files have 8 bits: `image`, their pixels `[batch, height, width, channels]`, to
      `output`, pixels of the translations.
    * `sampled`, where the generator has dropout: as `float`, with noise by `seed`, int64 `[batch]`.
      An image with its seed is translated alike in any batch, as the first of
      `inference.translate(..., samples=1, seed=seed)`.

    Else dropout is off; the statistics are those of each image. All signatures share one body of
    variables. The version is written under a name that servers pass over, loaded back, compared
    with the generator, and only then renamed.

    Args:
        generator: `keras.Model` with open sides, such as
            `unet_generator((None, None, 3), depth=8)`.
        folder: Folder of the served model; the version becomes the next numbered folder in it.
        task: `tfpix2pix.data.tasks.Pairs` or another, what lies between files and the generator; by
            default that of pairs of 8 bits.
        size: `(height, width)` in pixels of most images that will be served; it makes these faster.
        keep: How many of the newest versions stay; by default all. The oldest are removed once the
            new one is in place.
        finish: Function of the folder of the new version that adds to it before it is published.
        tolerance: Largest difference allowed between the two, in the range [-1, 1].

    Returns:
        `(version, difference)`: `pathlib.Path` of the version, and the largest difference measured.

    Raises:
        ValueError: If the difference is larger, or `keep` is below 1; nothing is published then.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> export(generator, "exports/facades")[0].as_posix()
        'exports/facades/1'
    """
    if keep is not None and keep < 1:
        raise InputError(
            f"`keep` must be at least 1. Received: keep={keep}. Leave it out to keep all versions."
        )
    task = task or _task_of_8_bits(generator)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{os.getpid()}"
    try:
        module = tf.Module()
        module.weights = generator.weights
        served = signatures(generator, task, size=size)
        tf.saved_model.save(module, str(part), signatures=served)
        difference = parity(generator, part, task, size)
        if not difference <= tolerance:
            raise InputError(
                f"The exported model must agree with the trained one within {tolerance}. "
                f"Received: a difference of {difference:.3g}; nothing was published to {folder}. "
                "Leave layers that are random or depend on the batch at inference out of the "
                "generator."
            )
        if finish is not None:
            finish(part)
        version = folder / str(max(versions(folder), default=0) + 1)
        os.rename(part, version)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if keep is not None:
        _remove_oldest(folder, keep)
    return version, difference


def versions(folder):
    """Lists the versions of a served model as TensorFlow Serving finds them.

    Args:
        folder: Folder of the served model.

    Returns:
        Sorted list of int; folders that are not whole numbers are no versions.

    Example:
        >>> versions(".")
        []
    """
    numbers = map(_number, Path(folder).iterdir())
    return sorted(number for number in numbers if number is not None)


def parity(generator, version, task=None, size=None):
    """Measures how far a SavedModel is from the generator it was made of.

    Compares every signature, at a size that the network takes, at one that is padded, and at `size`
    if it is given.

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
        >>> parity(generator, export(generator, "exports/parity")[0]) < 1e-4
        True
    """
    task = task or _task_of_8_bits(generator)
    served = tf.saved_model.load(str(version)).signatures
    multiple, kind = inference.size_multiple(generator), task.source_kind
    sizes = [(2 * multiple, multiple), (multiple + 1, 2 * multiple - 1), *([size] if size else [])]
    random = np.random.default_rng(0)
    differences = []
    for height, width in sizes:
        values = random.uniform(*kind.value_range, (2, height, width, kind.channels))
        pixels = tf.constant(values.astype(kind.dtype))
        source = task.source(pixels)
        expected = inference.translate(generator, source)
        differences.append(np.abs(served["float"](image=source)["output"] - expected).max())
        own = task.picture(source, expected)
        if "uint8" in served:
            differences.append(_excess(served["uint8"](image=pixels)["output"], own))
        if served_as_files(task):
            encoded = tf.stack([images.encode(image) for image in pixels])
            files = served["serving_default"](image_bytes=encoded)["output_bytes"]
            decoded = [images.decode(png, own.shape[-1], own.dtype.name) for png in files]
            differences.append(_excess(decoded, own))
        if "sampled" in served:
            sampled = served["sampled"](image=source, seed=tf.constant([5, 5], "int64"))["output"]
            own = inference.translate(generator, source, samples=1, seed=5)[0]
            differences.append(np.abs(sampled - own).max())
    return float(np.max(differences))


def _excess(pixels, expected):
    """Returns by how much pixels differ beyond one level, in [-1, 1]."""
    levels = np.abs(np.subtract(pixels, expected, dtype=int)).max()
    return max(levels - 1, 0) * 2 / expected.dtype.max


def _task_of_8_bits(generator):
    shapes = (generator.input_shape, generator.output_shape)
    return Pairs(tuple(Kind(shape[-1], "uint8", full_range("uint8")) for shape in shapes))


def _remove_oldest(folder, keep):
    doomed = versions(folder)[:-keep]
    for path in [path for path in folder.iterdir() if _number(path) in doomed]:
        # Under a name that servers pass over first, so that none sees a part of a version.
        part = folder / f".removed-{os.getpid()}-{path.name}"
        os.rename(path, part)
        shutil.rmtree(part)


def _number(path):
    name = path.name
    return int(name) if path.is_dir() and name.isascii() and name.isdigit() else None
