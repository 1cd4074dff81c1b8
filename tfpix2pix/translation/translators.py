"""Translators: pixels of files to pixels of files, whatever computes them."""

from pathlib import Path
from typing import Callable, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.data import codecs, formats, images
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.errors import InputError
from tfpix2pix.export import read_card, task_of, versions


class Translator(NamedTuple):
    """Translates the pixels of one file.

    Attributes:
        translate: Function of uint8, uint16 or float32 `[height, width, channels]` to a list of
            images of the same height and width, of the kind `target`.
        source: `PixelFormat` of the files; `None` for what is not known.
        target: `PixelFormat` of the translations.
        kernel: How files are resized, see `tfpix2pix.data.images.resize`.
        samples: How many translations a file has; `None` for one without chance.

    Example:
        >>> grey = PixelFormat(1, "uint8", (0.0, 255.0))
        >>> negative = Translator(lambda pixels: [255 - pixels], grey, grey)
        >>> negative.translate(np.zeros((1, 2, 1), "uint8"))[0].tolist()
        [[[255], [255]]]
    """

    translate: Callable
    source: PixelFormat
    target: PixelFormat
    kernel: str = "bilinear"
    samples: Optional[int] = None


def of_generator(
    generator, task, *, kernel="bilinear", statistics="per_image", samples=None, seed=0, strip=None
):
    """Returns the translator of a generator.

    Translates one pixel, so that options that do not fit the generator are refused at once.

    Args:
        generator: `keras.Model` with open sides.
        task: `tfpix2pix.data.tasks.Pairs` or another, what lies between files and the generator.
        kernel: See `Translator`; `"nearest"` for label maps.
        statistics: See `tfpix2pix.inference.translate`, as the options below.
        samples: How many translations of a file to draw, with dropout as the noise.
        seed: Another seed draws others; each file is given the same noise.
        strip: Rows that are computed at once, for images larger than memory.

    Returns:
        `Translator`. It raises `ValueError` for pixels of another kind, or out of their range.

    Raises:
        ValueError: As `tfpix2pix.inference.translate`.

    Example:
        >>> from tfpix2pix.data.tasks import Pairs
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> task = Pairs((PixelFormat(3, "uint8", (0.0, 255.0)),) * 2)
        >>> translator = of_generator(generator, task)
        >>> translator.translate(np.zeros((5, 7, 1), "uint8"))[0].shape
        (5, 7, 3)
    """
    kind = task.source_format

    def translate(pixels):
        source = task.source(_in_range(formats.convert(pixels, kind.channels, kind.dtype), kind))
        source = source[tf.newaxis]
        translated = inference.translate(
            generator, source, statistics=statistics, samples=samples, seed=seed, strip=strip
        )
        drawn = [translated] if samples is None else translated
        return [task.picture(source, one)[0].numpy() for one in drawn]

    translate(np.full((1, 1, kind.channels), kind.value_range[0], kind.dtype))
    return Translator(translate, kind, task.target_format, kernel, samples)


def of_export(folder, *, kernel="bilinear"):
    """Returns the translator of a SavedModel that `tfpix2pix.export.export` wrote.

    It takes and gives the kinds of files that its model card tells. An export without a card takes
    and gives what the signature `serving_default` does: where that is floats, 0 and 1, or the least
    and greatest integer, become -1 and 1, and translations are float32 from 0 to 1.

    Args:
        folder: Folder of the served model, whose newest version is taken, or of a version.
        kernel: See `Translator`; `"nearest"` for label maps.

    Returns:
        `Translator`. It raises `ValueError` for pixels that the signature cannot be given.

    Raises:
        ValueError: If there is no such SavedModel.

    Example:
        >>> from tfpix2pix.export import export
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 1), 1, depth=2, base_filters=4)
        >>> version, _ = export(generator, "exports/tiny")
        >>> of_export("exports/tiny").target
        PixelFormat(channels=1, dtype='uint8', value_range=(0.0, 255.0))
    """
    version = _newest(Path(folder))
    signatures = tf.saved_model.load(str(version)).signatures
    if not {"serving_default", "float"} <= set(signatures):
        raise InputError(
            "An export must have the signatures serving_default and float, as `python -m "
            f"serving.export` writes them. Received: {str(version)!r}, which has "
            f"{', '.join(signatures) or 'none'}. Export the run again."
        )
    default = signatures["serving_default"]
    channels = signatures["float"].structured_input_signature[1]["image"].shape[-1]
    takes_files = "image_bytes" in default.structured_input_signature[1]

    card = read_card(version)
    if card is not None:
        return _of_card(default, task_of(card), takes_files, kernel)

    def translate_file(pixels):
        if pixels.dtype == "float32" or pixels.shape[-1] > 4:
            raise InputError(
                "This export translates images of 1 to 4 channels of 8 or 16 bits. Received: "
                f"{pixels.shape[-1]} channels of {pixels.dtype}. Give files such as it was "
                "trained on."
            )
        encoded = tf.constant([codecs.encode(pixels, ".png")])
        return [codecs.decode(default(image_bytes=encoded)["output_bytes"][0].numpy()).pixels]

    def translate_floats(pixels):
        if pixels.shape[-1] != channels:
            raise InputError(
                f"This export translates images of {channels} channels. Received: "
                f"{pixels.shape[-1]}. Give files such as it was trained on."
            )
        kind = PixelFormat(channels, str(pixels.dtype), formats.full_range(pixels.dtype))
        source = images.to_signed(_in_range(pixels, kind))[tf.newaxis]
        return [images.to_pixels(default(image=source)["output"][0], "float32").numpy()]

    translate = translate_file if takes_files else translate_floats
    # What it gives shows in what it gives.
    (example,) = translate(np.zeros((1, 1, 1 if takes_files else channels), "uint8"))
    target = PixelFormat(example.shape[-1], str(example.dtype), formats.full_range(example.dtype))
    return Translator(translate, PixelFormat(channels), target, kernel)


def _of_card(default, task, takes_files, kernel):
    source_format, target_format = task.source_format, task.target_format

    def translate(pixels):
        pixels = formats.convert(pixels, source_format.channels, source_format.dtype)
        pixels = _in_range(pixels, source_format)
        if takes_files:
            encoded = tf.constant([codecs.encode(pixels, ".png")])
            return [codecs.decode(default(image_bytes=encoded)["output_bytes"][0].numpy()).pixels]
        source = task.source(pixels)[tf.newaxis]
        return [task.picture(source, default(image=source)["output"])[0].numpy()]

    return Translator(translate, source_format, target_format, kernel)


def _newest(folder):
    numbers = versions(folder) if folder.is_dir() else []
    version = folder / str(numbers[-1]) if numbers else folder
    if not (version / "saved_model.pb").is_file():
        raise InputError(
            "An export is a folder with numbered versions, as `python -m serving.export` makes "
            f"it. Received: {str(folder)!r}, which has none. Check the spelling or export a run."
        )
    return version


def _in_range(pixels, kind):
    (low, high), least, greatest = kind.value_range, pixels.min(), pixels.max()
    if not low <= least <= greatest <= high:  # Nor when one is not a number.
        raise InputError(
            f"Pixels must be in the range of what was trained on, {low:g} to {high:g}. Received: "
            f"values from {least:g} to {greatest:g}. Rescale them; label maps need the classes of "
            "the training."
        )
    return pixels
