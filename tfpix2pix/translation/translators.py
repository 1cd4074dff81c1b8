"""Translators: pixels of files to pixels of files, whatever computes them."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.data import codecs, formats, images
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.errors import InputError
from tfpix2pix.export import chosen_direction, directions_of, read_card, task_of
from tfpix2pix.export.directions import SET
from tfpix2pix.export.publication import newest_version
from tfpix2pix.inference import Control, Direction
from tfpix2pix.inference.controls import control_batch
from tfpix2pix.inference.strips import convert_in_strips
from tfpix2pix.inference.translation import has_open_sides
from tfpix2pix.translation.reasons import SMALLER, memory_cure
from tfpix2pix.translation.value_files import ValueFolder, read_value

_NOTHING = MappingProxyType({})


class Translator(NamedTuple):
    """Translates the pixels of one file.

    Attributes:
        translate: Function of uint8, uint16 or float32 `[height, width, channels]`, and, where
            there are `folders`, of a dict of the names of their controls to values, to a list of
            images of the same height and width, of the format `target`.
        source: `PixelFormat` of the files; `None` for what is not known.
        target: `PixelFormat` of the translations.
        kernel: How files are resized, see `tfpix2pix.data.images.resize`.
        samples: How many translations a file has; `None` for one without chance.
        folders: `ValueFolder`s of the controls whose values differ by file.
        ids: Whether files are maps of numbers, see `tfpix2pix.data.ids.decode_ids`.
        size: `(height, width)` of the images that were trained on, if it is known.
        memory_cure: What helps where memory lacks for an image.
        shared: `(control, value)` of the values that all files have.

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
    folders: tuple[ValueFolder, ...] = ()
    ids: bool = False
    size: Optional[tuple[int, int]] = None
    memory_cure: str = SMALLER
    shared: tuple[tuple[Control, Any], ...] = ()


def direction_translator(
    direction: Direction,
    *,
    statistics: str = "per_image",
    samples: Optional[int] = None,
    seed: int = 0,
    strip: Optional[int] = None,
    controls: Mapping[str, Any] = _NOTHING,
) -> Translator:
    """Returns the translator of a direction.

    Translates one pixel, so that options that do not fit the network are refused at once.

    Args:
        direction: `tfpix2pix.inference.Direction`.
        statistics: See `tfpix2pix.inference.translate`, as the options below.
        samples: How many translations of a file to draw, by chance.
        seed: Another seed draws others; each file has the same chance.
        strip: Rows that are computed at once, for images larger than memory.
        controls: Dict of the names of controls to the values that all files have, the seed among
            them, or to the `pathlib.Path` of a file with it, or of a folder with a file for each;
            others are neutral.

    Returns:
        `Translator`. It raises `ValueError` for pixels of another format, or out of their range.

    Raises:
        ValueError: As `tfpix2pix.inference.translate_in`.

    Example:
        >>> from tfpix2pix.export import named_directions
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> translator = direction_translator(named_directions(generator)["translate"])
        >>> translator.translate(np.zeros((5, 7, 1), "uint8"))[0].shape
        (5, 7, 3)
    """
    task = direction.task
    source_format = task.source_format
    controls, folders = _read_controls(direction.controls, controls)

    rows = strip if task.pixelwise else None

    def translated(pixels, values):
        pixels = formats.fitting(pixels, source_format)
        source = convert_in_strips(task.source, pixels, rows=rows)[np.newaxis]
        translations = inference.translate_in(
            direction,
            source,
            values,
            statistics=statistics,
            samples=samples,
            seed=seed,
            strip=strip,
        )
        batches = [translations] if samples is None else translations
        return [convert_in_strips(task.picture, source[0], x[0], rows=rows) for x in batches]

    least = source_format.value_range[0]
    shape = (*_size_of_trial(direction, controls), source_format.channels)
    # What is set at places of an image may be outside of a trial.
    placed = {control.name for control in direction.inputs if control.prepared is not None}
    trial = {name: value for name, value in controls.items() if name not in placed}
    translated(np.full(shape, least, source_format.dtype), trial)

    def translate(pixels, values=_NOTHING):
        return translated(pixels, {**controls, **values})

    return Translator(
        translate,
        source_format,
        task.target_format,
        direction.kernel,
        samples,
        folders,
        task.has_ids,
        memory_cure=memory_cure(direction.network, strip),
        shared=_shared(direction.controls, controls),
    )


def _read_controls(known, controls):
    """Returns the values that all files have, and `ValueFolder`s of those that differ."""
    known = {control.name: control for control in known}
    values = {}
    folders = []
    for name, value in controls.items():
        if not isinstance(value, Path) or name not in known:  # What is unknown is refused later.
            values[name] = value
        elif value.is_dir() or (value.is_file() and known[name].about.get("kind") == "points"):
            # Whether strokes fit is known of each image only.
            folders.append(ValueFolder(known[name], value))
        else:
            values[name] = read_value(value, known[name])
    return values, tuple(folders)


def _shared(known, values):
    return tuple((control, values[control.name]) for control in known if control.name in values)


def _size_of_trial(direction, controls):
    """Returns the sides of a control that is as high and wide as the images, else one pixel."""
    for control in direction.inputs:
        if control.name in controls and has_open_sides(control.spec.shape):
            return np.shape(controls[control.name])[-3:-1]
    return 1, 1


def export_translator(
    folder: Union[str, Path],
    *,
    direction: Optional[str] = None,
    kernel: str = "bilinear",
    controls: Mapping[str, Any] = _NOTHING,
) -> Translator:
    """Returns the translator of a SavedModel that `tfpix2pix.export.export` wrote.

    It takes and gives the pixel formats of its model card. An export without a card takes and gives
    what the signature `serving_default` does: where that is floats, 0 and 1, or the least and
    greatest integer, become -1 and 1, and translations are float32 from 0 to 1.

    Args:
        folder: Folder of the served model, whose newest version is taken, or of a version.
        direction: Name of the direction; by default the first.
        kernel: See `Translator`; `"nearest"` for label maps.
        controls: As of `direction_translator`.

    Returns:
        `Translator`. It raises `ValueError` for pixels that the signature does not take.

    Raises:
        ValueError: If there is no such SavedModel, direction or control.

    Example:
        >>> from tfpix2pix.export import export
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 1), 1, depth=2, base_filters=4)
        >>> version, _ = export(generator, "exports/tiny")
        >>> export_translator("exports/tiny").target
        PixelFormat(channels=1, dtype='uint8', value_range=(0.0, 255.0))
    """
    version = newest_version(folder)
    signatures = tf.saved_model.load(str(version)).signatures
    if not {"serving_default", "float"} <= set(signatures):
        raise InputError(
            "An export must have the signatures serving_default and float, as "
            f"`tfpix2pix.export.export` writes them. Received: {str(version)!r}, which has "
            f"{', '.join(signatures) or 'none'}. Export the run again."
        )
    card = read_card(version)
    if card is not None:
        entries = directions_of(card, signatures)
        name = chosen_direction(entries, direction)
        task = task_of(card, name)
        translator = _card_translator(signatures, entries[name], task, controls, kernel)
        return translator._replace(size=card["image_size"])
    if direction is not None or controls:
        raise InputError(
            f"An export without a model card has one direction and no controls. Received: "
            f"direction={direction!r}, controls={dict(controls)}. Leave them out."
        )
    return _cardless_translator(signatures, kernel)


def _card_translator(signatures, entry, task, controls, kernel):
    known = [
        Control(
            control["name"],
            tf.TensorSpec(control["shape"], control["dtype"]),
            about=control["about"],
        )
        for control in entry["controls"]
    ]
    controls, folders = _read_controls(known, controls)
    asked = [*controls, *(folder.control.name for folder in folders)]
    signature = signatures[_chosen_signature(entry, asked)]
    source_format = task.source_format
    takes_files = "image_bytes" in signature.structured_input_signature[1]
    takes_all = len(asked) > 1

    def translate(pixels, values=_NOTHING):
        pixels = formats.fitting(pixels, source_format)
        inputs = _inputs(known, {**controls, **values}, takes_all)
        if takes_files:
            encoded = tf.constant([codecs.encode(pixels, ".png")])
            return [_decoded(signature(image_bytes=encoded, **inputs))]
        source = task.source(pixels)[tf.newaxis]
        return [task.picture(source, signature(image=source, **inputs)["output"])[0].numpy()]

    _inputs(known, controls, takes_all)  # So that values that do not fit are refused at once.
    return Translator(
        translate,
        source_format,
        task.target_format,
        kernel,
        folders=folders,
        ids=task.has_ids,
        shared=_shared(known, controls),
    )


def _chosen_signature(entry, asked):
    """Returns the name of the signature that takes the controls that are asked for."""
    known = {control["name"]: control for control in entry["controls"]}
    if set(asked) - set(known):
        raise InputError(
            "An export translates with controls of this direction: "
            f"{', '.join(known) or 'it has none'}. Received: {', '.join(asked)}. Leave the others "
            "out."
        )
    if len(asked) < 2:
        return known[asked[0]]["signature"] if asked else entry["signatures"]["default"]
    if "controlled" not in entry["signatures"]:
        raise InputError(
            "An export from before several controls could be set translates with one at a time. "
            f"Received: {', '.join(asked)}. Leave the others out, or export the run again."
        )
    return entry["signatures"]["controlled"]


def _inputs(known, values, takes_all):
    """Returns the inputs of a signature beside the image, for a batch of one."""
    inputs = {
        control.name: control_batch(control, values[control.name], 1)
        for control in known
        if control.name in values
    }
    if not takes_all:
        return inputs
    for control in known:
        inputs[f"{SET}{control.name}"] = tf.constant([control.name in values])
        if control.name not in values:
            shape = [1, *(side or 1 for side in control.spec.shape)]
            inputs[control.name] = tf.zeros(shape, control.spec.dtype)
    return inputs


def _cardless_translator(signatures, kernel):
    default = signatures["serving_default"]
    channels = signatures["float"].structured_input_signature[1]["image"].shape[-1]
    takes_files = "image_bytes" in default.structured_input_signature[1]

    def translate_file(pixels):
        if pixels.dtype == "float32" or pixels.shape[-1] > 4:
            raise InputError(
                "This export translates images of 1 to 4 channels of 8 or 16 bits. Received: "
                f"{pixels.shape[-1]} channels of {pixels.dtype}. Give files such as it was "
                "trained on."
            )
        return [_decoded(default(image_bytes=tf.constant([codecs.encode(pixels, ".png")])))]

    def translate_floats(pixels):
        if pixels.shape[-1] != channels:
            raise InputError(
                f"This export translates images of {channels} channels. Received: "
                f"{pixels.shape[-1]}. Give files such as it was trained on."
            )
        dtype = str(pixels.dtype)
        value_range = formats.full_range(dtype)
        source = images.to_signed(formats.in_range(pixels, value_range))[tf.newaxis]
        return [images.to_pixels(default(image=source)["output"][0], "float32").numpy()]

    translate = translate_file if takes_files else translate_floats
    # Of which format translations are shows in a translation.
    (example,) = translate(np.zeros((1, 1, 1 if takes_files else channels), "uint8"))
    target = PixelFormat(example.shape[-1], str(example.dtype), formats.full_range(example.dtype))
    return Translator(translate, PixelFormat(channels), target, kernel)


def _decoded(answer):
    return codecs.decode(answer["output_bytes"][0].numpy()).pixels
