"""Export: a generator as a SavedModel for TensorFlow Serving, published only if proved equal."""

import os
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tfpix2pix import inference
from tfpix2pix.data import images
from tfpix2pix.data.kinds import Kind, full_range
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.errors import InputError


def export(generator, folder, *, task=None, tolerance=1e-4):
    """Writes a generator as the next version of a served model.

    The SavedModel takes images of any size. Its signatures:

    * `serving_default`: `image_bytes`, string `[batch]`, PNG or JPEG files of any sizes, to
      `output_bytes`, string `[batch]`, PNG files of the same sizes, of the task's bits and
      channels. Where PNG cannot hold these, it is the same as `float`.
    * `float`: `image`, float32 `[batch, height, width, channels]` in [-1, 1], to `output`, float32
      `[batch, height, width, output_channels]`.

    Dropout is off and the statistics are those of each image. Weights are constants, which oneDNN
    reorders once instead of at every call. The version is written under a name that servers pass
    over, loaded back, compared with the generator, and only then renamed.

    Args:
        generator: `keras.Model` with open sides, such as
            `unet_generator((None, None, 3), depth=8)`.
        folder: Folder of the served model; the version becomes the next numbered folder in it.
        task: `tfpix2pix.data.tasks.Pairs` or another, what lies between files and the generator; by
            default that of pairs of 8 bits.
        tolerance: Largest difference allowed between the two, in the range [-1, 1].

    Returns:
        `(version, difference)`: `pathlib.Path` of the version, and the largest difference measured.

    Raises:
        ValueError: If the difference is larger; nothing is published then.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> export(generator, "exports/facades")[0].as_posix()
        'exports/facades/1'
    """
    task = task or _task_of_8_bits(generator)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{os.getpid()}"
    try:
        module, signatures = _servable(generator, task)
        tf.saved_model.save(module, str(part), signatures=signatures)
        difference = parity(generator, part, task)
        if not difference <= tolerance:
            raise InputError(
                f"The exported model must agree with the trained one within {tolerance}. "
                f"Received: a difference of {difference:.3g}; nothing was published to {folder}. "
                "Leave layers that are random or depend on the batch at inference out of the "
                "generator."
            )
        version = folder / str(max(versions(folder), default=0) + 1)
        os.rename(part, version)
    finally:
        shutil.rmtree(part, ignore_errors=True)
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
    names = [path.name for path in Path(folder).iterdir() if path.is_dir()]
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def parity(generator, version, task=None):
    """Measures how far a SavedModel is from the generator it was made of.

    Compares the `float` signature at a size that the network takes and at one that is padded, and
    the pixels of `serving_default` at both.

    Args:
        generator: `keras.Model`.
        version: Folder of the SavedModel.
        task: As it was exported with.

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
    loaded = tf.saved_model.load(str(version)).signatures
    multiple, kind = inference.size_multiple(generator), task.source_kind
    random = np.random.default_rng(0)
    differences = []
    for size in ((2 * multiple, multiple), (multiple + 1, 2 * multiple - 1)):
        values = random.uniform(*kind.value_range, (2, *size, kind.channels))
        pixels = tf.constant(values.astype(kind.dtype))
        source = task.source(pixels)
        expected = inference.translate(generator, source)
        floats = loaded["float"](image=source)["output"]
        differences.append(np.abs(floats - expected).max())
        if not _served_as_files(task):
            continue
        encoded = tf.stack([images.encode(image) for image in pixels])
        served = loaded["serving_default"](image_bytes=encoded)["output_bytes"]
        own = task.picture(source, expected)
        decoded = [images.decode(png, own.shape[-1], own.dtype.name) for png in served]
        levels = np.abs(np.subtract(decoded, own, dtype=int)).max()
        differences.append(max(levels - 1, 0) * 2 / own.dtype.max)
    return float(np.max(differences))


def _task_of_8_bits(generator):
    shapes = (generator.input_shape, generator.output_shape)
    return Pairs(tuple(Kind(shape[-1], "uint8", full_range("uint8")) for shape in shapes))


def _served_as_files(task):
    """Whether PNG holds what is translated, as TensorFlow decodes it, and the translations."""
    kinds = (task.source_kind, task.target_kind)
    return all(kind.channels in (1, 3, 4) and kind.dtype != "float32" for kind in kinds)


def _servable(generator, task):
    channels = generator.input_shape[-1]

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, channels), name="image")])
    def translate(image):
        return inference.translate(generator, image)

    frozen = convert_variables_to_constants_v2(translate.get_concrete_function())

    def translate_file(image_bytes):
        # One by one: files of a batch may differ in size, and no image may depend on its
        # neighbours.
        pixels = images.decode(image_bytes, task.source_kind.channels, task.source_kind.dtype)
        source = task.source(pixels)[tf.newaxis]
        return images.encode(task.picture(source, frozen(source)[0])[0])

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")])
    def serve_files(image_bytes):
        return {
            "output_bytes": tf.map_fn(translate_file, image_bytes, fn_output_signature=tf.string)
        }

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, channels), name="image")])
    def serve_float(image):
        return {"output": frozen(image)[0]}

    module = tf.Module()
    module.frozen = frozen
    default = serve_files if _served_as_files(task) else serve_float
    return module, {"serving_default": default, "float": serve_float}
