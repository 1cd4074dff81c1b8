"""The work that translates files: what is done already, and each file's outcome."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf

from tfpix2pix import atomic
from tfpix2pix.data import codecs, folders
from tfpix2pix.data.ids import decode_ids
from tfpix2pix.data.images import to_pixels, to_signed
from tfpix2pix.errors import InputError
from tfpix2pix.translation import animations
from tfpix2pix.translation.halves import half_of, is_twice_as_wide
from tfpix2pix.translation.reasons import reason_of
from tfpix2pix.translation.translators import Translator
from tfpix2pix.translation.value_files import read_value, scaled, scaled_value

FRAMES = ("folder", "animation")
READ_AHEAD = 2  # Images that are decoded while one is translated.
_WITH_ALPHA = (".png", ".gif", ".tif", ".tiff", ".webp")


class Outcome(NamedTuple):
    """What came of one file.

    Attributes:
        written: How many translations were written; a frame counts as one.
        skipped: How many were there already.
        failure: Why it was not translated, or not all of it; `None` if it was.
        is_wide: Whether it was translated whole, as wide as two images of those trained on.
        example: Paths of the first image's translations; `None` if there are none.

    Example:
        >>> Outcome(1, 0).failure is None
        True
    """

    written: int
    skipped: int
    failure: Optional[str] = None
    is_wide: bool = False
    example: Optional[list[Path]] = None


class FileWork(NamedTuple):
    """How files are translated.

    Attributes:
        translator: `Translator`.
        to: Folder to write to.
        suffix: Of the translations, such as `".png"`.
        frames: As of `tfpix2pix.translation.translate_files`, as the others.
        size: Pixels to resize the longer side to before.
        half: Which half of side-by-side files to translate.
        overwrite: Whether to translate again what is there already.
        value_files: `(control, files)` of each of the translator's `folders`, a dict of the names
            of images to paths.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> grey = PixelFormat(1, "uint8", (0.0, 255.0))
        >>> negative = Translator(lambda pixels: [255 - pixels], grey, grey)
        >>> codecs.write(np.zeros((2, 4, 1), "uint8"), "night/1.bmp")
        >>> work, named_files = planned_work(negative, "night", "day")
        >>> [outcome.written for outcome in work.outcomes(named_files)]
        [1]
        >>> work.is_done("1")
        True
    """

    translator: Translator
    to: Path
    suffix: str
    frames: str
    size: Optional[int]
    half: Optional[str]
    overwrite: bool
    value_files: list

    def is_done(self, name: str) -> bool:
        """Whether nothing is to be done; of files of many frames only each frame tells."""
        return self._are_done(self._outputs(name))

    def outcomes(self, named_files: Iterable[tuple[str, Path]]) -> Iterator[Outcome]:
        """Translates files, of which the next are read meanwhile.

        Args:
            named_files: `(name, file)` of each, see `planned_work`.

        Yields:
            `Outcome`, in order. A file that fails stops no other.
        """
        named_files = list(named_files)
        # The reader stands first, so that it is read to its end and not left to the garbage
        # collector.
        for animation, (name, file) in zip(_read_ahead(map(self._read, named_files)), named_files):
            yield self._outcome(name, file, animation)

    def remove_parts(self, named_files: Iterable[tuple[str, Path]]) -> None:
        """Removes what was being written of files when a process that translated them ended.

        Args:
            named_files: `(name, file)` of each; none of them may be translated meanwhile.
        """
        outputs = set()
        of_frames = set()
        for name, file in named_files:
            animated = [self.to / f"{name}{suffix}" for suffix in animations.SUFFIXES.values()]
            outputs.update(map(atomic.beginning, (*self._outputs(name), *animated)))
            of_frames.add(self._folder_of_frames(name, file))
        for part, path in atomic.parts(self.to):
            if path in outputs or path.parent in of_frames:
                atomic.remove(part)

    def _outcome(self, name, file, animation):
        """Returns the `Outcome` of a file that was read."""
        counts = {True: 0, False: 0}
        is_wide = False
        failure = None
        example = None
        try:
            if isinstance(animation, Exception):
                raise animation
            if animation is not None and self.half is None:
                is_wide = is_twice_as_wide(animation.size, self.translator.size)
            for outputs, is_new in self._images(name, file, animation):
                counts[is_new] += len(outputs)
                example = example or outputs
        except (InputError, OSError, MemoryError, tf.errors.OpError) as error:
            failure = reason_of(error, self.translator.memory_cure)
        return Outcome(counts[True], counts[False], failure, is_wide, example)

    def _read(self, named):
        """Returns the file as `Animation`, the error, or `None` when nothing is to be done."""
        name, file = named
        if self.is_done(name):
            return None
        try:
            return half_of(self._animation_of(file.read_bytes()), self.half)
        except codecs.UnreadableError as error:
            return error
        except OSError as error:
            return codecs.UnreadableError(codecs.unread(file, error))

    def _animation_of(self, encoded):
        if not self.translator.ids:
            return animations.read(encoded)
        ids = decode_ids(encoded)
        high = np.iinfo(self.translator.source.dtype).max
        if ids.max() > high:
            raise codecs.UnreadableError(f"it has the id {ids.max()}, and the greatest is {high}")
        ids = ids.astype(self.translator.source.dtype)
        return animations.Animation("PNG", 1, [(ids, 0)], ids.shape[:2])

    def _images(self, name, file, animation):
        """Yields for each image of a file the paths of its translations, and whether it is new."""
        if animation is None:
            yield self._outputs(name), False
            return
        values = {
            control.name: read_value(files[name], control, animation.size)
            for control, files in self.value_files
        }
        if animation.count == 1:
            yield self._image(name, animation.frames[0][0], values)
        elif self.frames == "animation":
            yield self._animation(name, animation, values)
        else:
            digits = max(4, len(str(animation.count - 1)))
            folder = self._folder_of_frames(name, file).relative_to(self.to)
            for index, (pixels, _) in enumerate(_read_ahead(animation.frames)):
                yield self._image(f"{folder / str(index).zfill(digits)}", pixels, values)

    def _folder_of_frames(self, name, file):
        """Returns the folder of the file's whole name, which no other file can have."""
        return self.to / Path(name).with_name(file.name)

    def _image(self, name, pixels, values):
        outputs = self._outputs(name)
        if self._are_done(outputs):
            return outputs, False
        for output, translated in zip(outputs, self._translations(pixels, self.suffix, values)):
            codecs.write(translated, output)
        return outputs, True

    def _animation(self, name, animation, values):
        suffix = animations.SUFFIXES[animation.format]
        output = self.to / f"{name}{suffix}"
        if self._are_done([output]):
            return [output], False
        translated = [
            (self._translations(pixels, suffix, values)[0], duration)
            for pixels, duration in _read_ahead(animation.frames)
        ]
        encoded = animations.encode(translated, animation.format, loop=animation.loop)
        atomic.write_bytes(encoded, output)
        return [output], True

    def _outputs(self, name):
        samples = self.translator.samples
        digits = len(str((samples or 1) - 1))
        marks = [f"_{index:0{digits}d}" for index in range(samples)] if samples else [""]
        return [self.to / f"{name}{mark}{self.suffix}" for mark in marks]

    def _are_done(self, outputs):
        return not self.overwrite and all(output.exists() for output in outputs)

    def _translations(self, pixels, suffix, values):
        if 0 in pixels.shape:
            raise InputError(f"An image must have pixels. Received: {pixels.shape}. Replace it.")
        if self.size:
            sides = pixels.shape[:2]
            own = ((control, values[control.name]) for control, _ in self.value_files)
            values = {
                control.name: scaled_value(value, control, sides, self.size, self.translator.kernel)
                for control, value in (*self.translator.shared, *own)
            }
            pixels = scaled(pixels, self.size, self.translator.kernel)
        translations = self.translator.translate(pixels, *([values] if values else []))
        channels = pixels.shape[-1]
        has_alpha = channels in (2, 4) and channels != self.translator.source.channels
        if not (has_alpha and suffix in _WITH_ALPHA and self.translator.target.channels in (1, 3)):
            return translations
        alpha = to_pixels(to_signed(pixels[..., -1:]), self.translator.target.dtype)
        return [np.concatenate([translated, alpha], axis=-1) for translated in translations]


def planned_work(
    translator: Translator,
    images: Union[str, Path],
    to: Union[str, Path],
    *,
    format: Optional[Literal["png", "jpg", "bmp", "tiff", "webp", "npy"]] = None,
    frames: Literal["folder", "animation"] = "folder",
    size: Optional[int] = None,
    half: Optional[Literal["left", "right"]] = None,
    overwrite: bool = False,
) -> tuple[FileWork, list[tuple[str, Path]]]:
    """Checks how files shall be translated, and lists them.

    Args:
        translator: As of `tfpix2pix.translation.translate_files`, as the others.
        images: File or folder.
        to: Folder to write to.
        format: Of the translations.
        frames: Whether frames become files in a folder, or an animation.
        size: Pixels to resize the longer side to before.
        half: Which half of side-by-side files to translate.
        overwrite: Whether to translate again what is there already.

    Returns:
        `(work, named_files)`: `FileWork`, and a list of `(name, file)`, a name being the relative
        path without the suffix.

    Raises:
        ValueError: As `tfpix2pix.translation.translate_files`.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> grey = PixelFormat(1, "uint8", (0.0, 255.0))
        >>> codecs.write(np.zeros((2, 4, 1), "uint8"), "evening/1.bmp")
        >>> planned_work(Translator(None, grey, grey), "evening", "morning")[1]
        [('1', PosixPath('evening/1.bmp'))]
    """
    to = Path(to)
    _check_options(translator, frames, size, half)
    target = translator.target
    png_holds_it = target.dtype != "float32" and target.channels <= 4
    suffix = f".{format or ('png' if png_holds_it else 'tiff')}"
    codecs.encode(np.zeros((1, 1, target.channels), target.dtype), suffix)
    named_files = _named_files(Path(images), to)
    names = [name for name, _ in named_files]
    value_files = [(folder.control, folder.files(names)) for folder in translator.folders]
    work = FileWork(translator, to, suffix, frames, size, half, overwrite, value_files)
    return work, named_files


def _check_options(translator, frames, size, half):
    if half not in (None, "left", "right"):
        raise InputError(f"`half` must be left or right. Received: {half!r}. Leave it out for all.")
    if frames not in FRAMES:
        raise InputError(f"`frames` must be one of {', '.join(FRAMES)}. Received: {frames!r}.")
    if frames == "animation" and translator.samples:
        raise InputError(
            "An animation has one translation of a frame. Received: frames='animation', "
            f"samples={translator.samples}. Leave the samples out, or use frames='folder'."
        )
    if size is not None and size < 1:
        rule = "`size` must be at least 1 pixel."
        raise InputError(f"{rule} Received: size={size}. Leave it out to keep sizes.")


def _named_files(source, to):
    """Returns `(name, file)` of all files, a name being the relative path without the suffix."""
    if source.is_dir():
        return list(folders.outputs_by_name(source, to).items())
    if not source.is_file():
        raise InputError(
            "What is translated must be an image file or a folder of such. Received: "
            f"{str(source)!r}, where there is nothing. Check the spelling."
        )
    if source.resolve().parent == to.resolve():
        raise InputError(
            "The folder to write to must not be that of the image, or it could be overwritten. "
            f"Received: {str(to)!r}. Use another."
        )
    return [(source.stem, source)]


def _read_ahead(iterable):
    """Yields the items of an iterable, while the next few are made in a thread."""
    iterator = iter(iterable)
    end = object()
    with ThreadPoolExecutor(1) as pool:
        pending = deque(pool.submit(next, iterator, end) for _ in range(READ_AHEAD))
        while (item := pending.popleft().result()) is not end:
            pending.append(pool.submit(next, iterator, end))
            yield item
