"""Publication: a SavedModel becomes a version of a served model if it is proved equal."""

import os
import shutil
from pathlib import Path

import tensorflow as tf

from tfpix2pix.errors import InputError
from tfpix2pix.export.cards import model_card, seal
from tfpix2pix.export.comparison import check_parity, parity, task_of_8_bits
from tfpix2pix.export.signatures import signatures


def export(
    generator,
    folder,
    *,
    task=None,
    size=None,
    card=None,
    keep=None,
    finish=None,
    tolerance=1e-4,
):
    """Writes a generator as the next version of a served model.

    The SavedModel takes images of any size up to `tfpix2pix.export.MOST_PIXELS`. Its signatures:

    * `serving_default`: `image_bytes`, string `[batch]`, PNG or JPEG files of any sizes, to
      `output_bytes`, string `[batch]`, PNG files of the same sizes, of the task's bits and
      channels. Where PNG cannot hold these, it is the same as `float`.
    * `float`: `image`, float32 `[batch, height, width, channels]` in [-1, 1], to `output`, float32
      `[batch, height, width, output_channels]`.
    * `uint8`, where files have 8 bits: `image`, their pixels `[batch, height, width, channels]`, to
      `output`, pixels of the translations.
    * `sampled`, where the generator has dropout: as `serving_default`, with noise by `seed`, int64
      `[batch]`. An image with its seed is translated alike in any batch, as the first of
      `inference.translate(..., samples=1, seed=seed)`.
    * `model_card`: `request`, string `[batch]`, whose content is ignored, to `model_card`, string
      `[batch]`, each the JSON of the card.

    Else dropout is off; the statistics are those of each image. All signatures share one body of
    variables. The version is written under a name that servers pass over, loaded back, compared
    with the generator, and only then renamed. Its file `model_card.json` is the card with `parity`,
    the difference measured, and `files`, the SHA-256 of every other file.

    Args:
        generator: `keras.Model` with open sides, such as
            `unet_generator((None, None, 3), depth=8)`.
        folder: Folder of the served model; the version becomes the next numbered folder in it.
        task: `tfpix2pix.data.tasks.Pairs` or another, what lies between files and the generator; by
            default that of pairs of 8 bits.
        size: `(height, width)` in pixels of most images that will be served; it makes these faster.
        card: Dict of what is known of the training, the last five arguments of
            `tfpix2pix.export.model_card`.
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
    task = task or task_of_8_bits(generator)
    folder = Path(folder)
    described = model_card(generator, task, folder.resolve().name, size=size, **(card or {}))
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{os.getpid()}"
    try:
        module = tf.Module()
        module.weights = generator.weights
        served = signatures(generator, task, described, size=size)
        tf.saved_model.save(module, str(part), signatures=served)
        difference = parity(generator, part, task, size)
        check_parity(difference, tolerance, folder)
        if finish is not None:
            finish(part)
        seal(part, {**described, "parity": difference})
        version = folder / str(max(versions(folder), default=0) + 1)
        publish(part, version)
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


def publish(part, path):
    """Gives what is complete its name, once all of it is on the disk.

    Without waiting for the disk, a rename may reach it before what it names: after a power cut
    there would be a version of empty files.

    Args:
        part: Path of a file or of a folder.
        path: Path that it gets; a file there is replaced.

    Example:
        >>> Path("whole.part").write_bytes(b"whole")
        5
        >>> publish("whole.part", "whole")
        >>> Path("whole").read_bytes()
        b'whole'
    """
    part, path = Path(part), Path(path)
    for written in (*part.rglob("*"), part):
        _flush(written)
    os.replace(part, path)
    _flush(path.parent)


def _flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
