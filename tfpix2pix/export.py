"""Export: a generator as a SavedModel for TensorFlow Serving, published only if proved equal."""

import os
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tfpix2pix import inference
from tfpix2pix.data import images
from tfpix2pix.errors import InputError


def export(generator, folder, *, tolerance=1e-4):
    """Writes a generator as the next version of a served model.

    The SavedModel takes images of any size. Its signatures:

    * `serving_default`: `image_bytes`, string `[batch]`, PNG or JPEG files of any sizes, to
      `output_bytes`, string `[batch]`, PNG files of the same sizes.
    * `float`: `image`, float32 `[batch, height, width, channels]` in [-1, 1], to `output`, float32
      `[batch, height, width, output_channels]`.

    Dropout is off and the statistics are those of each image. Weights are constants, which oneDNN
    reorders once instead of at every call. The version is written under a name that servers pass
    over, loaded back, compared with the generator, and only then renamed.

    Args:
        generator: `keras.Model` with open sides, such as
            `unet_generator((None, None, 3), depth=8)`.
        folder: Folder of the served model; the version becomes the next numbered folder in it.
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
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{os.getpid()}"
    try:
        module, signatures = _servable(generator)
        tf.saved_model.save(module, str(part), signatures=signatures)
        difference = parity(generator, part)
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


def parity(generator, version):
    """Measures how far a SavedModel is from the generator it was made of.

    Compares the `float` signature at a size that the network takes and at one that is padded, and
    the pixels of `serving_default` at both.

    Args:
        generator: `keras.Model`.
        version: Folder of the SavedModel.

    Returns:
        float: the largest difference in [-1, 1]; pixels count with what exceeds one level of 255,
            since a difference of any size can turn the rounding.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> parity(generator, export(generator, "exports/parity")[0]) < 1e-4
        True
    """
    loaded = tf.saved_model.load(str(version)).signatures
    multiple = inference.size_multiple(generator)
    channels = generator.input_shape[-1]
    random = np.random.default_rng(0)
    differences = []
    for size in ((2 * multiple, multiple), (multiple + 1, 2 * multiple - 1)):
        pixels = tf.constant(random.integers(0, 256, (2, *size, channels)), "uint8")
        signed = images.to_signed(pixels)
        expected = inference.translate(generator, signed)
        floats = loaded["float"](image=signed)["output"]
        differences.append(np.abs(floats - expected).max())
        encoded = tf.stack([images.encode(image) for image in pixels])
        served = loaded["serving_default"](image_bytes=encoded)["output_bytes"]
        decoded = np.stack([images.decode(png, expected.shape[-1]) for png in served])
        levels = np.abs(decoded.astype(int) - images.to_uint8(expected).numpy().astype(int)).max()
        differences.append(max(levels - 1, 0) / 127.5)
    return float(np.max(differences))


def _servable(generator):
    channels = generator.input_shape[-1]

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, channels), name="image")])
    def translate(image):
        return inference.translate(generator, image)

    frozen = convert_variables_to_constants_v2(translate.get_concrete_function())

    def translate_file(image_bytes):
        # One by one: files of a batch may differ in size, and no image may depend on its
        # neighbours.
        signed = images.to_signed(images.decode(image_bytes, channels))
        return images.encode(images.to_uint8(frozen(signed[tf.newaxis])[0][0]))

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
    return module, {"serving_default": serve_files, "float": serve_float}
