"""Translates image files, folders of them and animations to files; skips those that are done."""

from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Literal, NamedTuple, Optional, Union

import numpy as np

from tfpix2pix import atomic
from tfpix2pix.data.parallel import silent
from tfpix2pix.errors import InputError
from tfpix2pix.lazily import (
    animations,
    codecs,
    contact_sheets,
    folders,
    halves,
    ids,
    images,
    reasons,
    report,
    tf,
    translators,
    value_files,
)

FRAMES = ("folder", "animation")
READ_AHEAD = 2  # Images that are decoded while one is translated.
MOST_SHOWN = 20  # Rows of a contact sheet.
_WITH_ALPHA = (".png", ".gif", ".tif", ".tiff", ".webp")


class FileReport(NamedTuple):
    """Which files were translated, skipped or failed, and why.

    Attributes:
        written: How many translations were written; a frame counts as one.
        skipped: How many were there already.
        failures: Dict of the path of a file to the reason why it was not translated.
        examples: `(file, translations)` of the first files, paths for a contact sheet.
        wide: How many files were translated whole, as wide as two images of those trained on.

    Example:
        >>> print(FileReport(2, 1, {"a.png": "it cannot be decoded: the file is empty"}, []))
        2 translations made, 1 was there already, 1 file failed:
        a.png: it cannot be decoded: the file is empty
    """

    written: int
    skipped: int
    failures: dict[str, str]
    examples: list[tuple]
    wide: int = 0

    def __str__(self):
        """Says it in a line, and each failure in another."""
        were = "was" if self.skipped == 1 else "were"
        text = f"{_count(self.written, 'translation')} made, {self.skipped} {were} there already"
        if not self.failures:
            return f"{text}."
        lines = [f"{file}: {reason}" for file, reason in self.failures.items()]
        return "\n".join([f"{text}, {_count(len(lines), 'file')} failed:", *lines])


def translate_files(
    translator,  # Of a type that would be imported with TensorFlow, where programs read this.
    images: Union[str, Path],
    to: Union[str, Path],
    *,
    format: Optional[Literal["png", "jpg", "bmp", "tiff", "webp", "npy"]] = None,
    frames: Literal["folder", "animation"] = "folder",
    size: Optional[int] = None,
    half: Optional[Literal["left", "right"]] = None,
    overwrite: bool = False,
    grid: Optional[Path] = None,
    progress: Callable = silent,
) -> FileReport:
    """Translates an image file, an animation, or a folder of such.

    `a/1.jpg` becomes `a/1.png`, but `a/1.jpg.png` beside an `a/1.png`; of several samples
    `a/1_0.png`, `a/1_1.png`, ...; the frames of `a/1.gif` become `a/1.gif/0000.png`, ... A file
    that fails stops no other. Alpha that the translator does not take is kept where the format has
    it. The next files are read while one is translated, and no more than a few are in memory.

    Args:
        translator: `Translator`.
        images: File or folder; a video is a folder of its frames.
        to: Folder to write to, under the same names; not that of the images nor in it.
        format: Of the translations; by default png, or tiff for what png cannot hold.
        frames: Whether frames become files in a folder, or an animation in the same format with the
            same durations, which is in memory while it is translated.
        size: Pixels to resize the longer side to before, with maps and points; by default it stays.
        half: Which half of side-by-side files to translate; by default all of each file.
        overwrite: Whether to translate again what is there already.
        grid: PNG file for a picture of the first images beside their translations.
        progress: See `tfpix2pix.data.parallel.silent`; counts files.

    Returns:
        `FileReport`.

    Raises:
        ValueError: Before anything is written: if there is no image, two would give the same file,
            the format cannot hold translations, or an image has not one file for each control of
            the translator's `folders`.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> grey = PixelFormat(1, "uint8", (0.0, 255.0))
        >>> negative = translators.Translator(lambda pixels: [255 - pixels], grey, grey)
        >>> codecs.write(np.zeros((2, 4, 1), "uint8"), "black/1.bmp")
        >>> print(translate_files(negative, "black", "white"))
        1 translation made, 0 were there already.
        >>> int(codecs.read("white/1.png").min())
        255
    """
    to = Path(to)
    _check_options(translator, frames, size, half)
    target = translator.target
    png_holds_it = target.dtype != "float32" and target.channels <= 4
    suffix = f".{format or ('png' if png_holds_it else 'tiff')}"
    codecs.encode(np.zeros((1, 1, target.channels), target.dtype), suffix)
    named_files = _named_files(Path(images), to)
    names = [name for name, _ in named_files]
    files_of_values = [(folder.control, folder.files(names)) for folder in translator.folders]
    work = _Work(translator, to, suffix, frames, size, half, overwrite, files_of_values)
    counts = Counter()
    wide = 0
    failures = {}
    examples = []
    animations_read = _read_ahead(map(work.read, named_files))
    # The reader stands first, so that it is read to its end and not left to the garbage collector.
    for animation, (name, file) in progress(zip(animations_read, named_files), len(named_files)):
        try:
            if isinstance(animation, Exception):
                raise animation
            if animation is not None and half is None:
                wide += halves.is_twice_as_wide(animation.size, translator.size)
            for outputs, is_new in work.outcomes(name, file, animation):
                counts[is_new] += len(outputs)
                if len(examples) < MOST_SHOWN and (not examples or examples[-1][0] != file):
                    examples.append((file, outputs))
        except (InputError, OSError, MemoryError, tf.errors.OpError) as error:
            failures[str(file)] = reasons.reason_of(error, translator.memory_cure)
    done = FileReport(counts[True], counts[False], failures, examples, wide)
    if grid is not None and examples:
        report.save_picture(contact_sheets.contact_sheet(done, translator), grid)
    return done


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


class _Work(NamedTuple):
    """How files are translated: arguments of `translate_files`."""

    translator: "translators.Translator"
    to: Path
    suffix: str
    frames: str
    size: Optional[int]
    half: Optional[str]
    overwrite: bool
    files_of_values: list

    def read(self, named):
        """Returns the file as `Animation`, the error, or `None` when nothing is to be done."""
        name, file = named
        if self._is_done(self._outputs(name)):
            return None
        try:
            return halves.half_of(self._animation_of(file.read_bytes()), self.half)
        except codecs.UnreadableError as error:
            return error
        except OSError as error:
            return codecs.UnreadableError(codecs.unread(file, error))

    def _animation_of(self, encoded):
        if not self.translator.ids:
            return animations.read(encoded)
        codes = ids.decode_ids(encoded)
        high = np.iinfo(self.translator.source.dtype).max
        if codes.max() > high:
            raise codecs.UnreadableError(f"it has the id {codes.max()}, and the greatest is {high}")
        codes = codes.astype(self.translator.source.dtype)
        return animations.Animation("PNG", 1, [(codes, 0)], codes.shape[:2])

    def outcomes(self, name, file, animation):
        """Yields for each image of a file the paths of its translations, and whether it is new."""
        if animation is None:
            yield self._outputs(name), False
            return
        values = {
            control.name: value_files.read_value(files[name], control, animation.size)
            for control, files in self.files_of_values
        }
        if animation.count == 1:
            yield self._image(name, animation.frames[0][0], values)
        elif self.frames == "animation":
            yield self._animation(name, animation, values)
        else:
            digits = max(4, len(str(animation.count - 1)))
            # In a folder of the file's whole name, which no other file can have.
            folder = Path(name).with_name(file.name)
            for index, (pixels, _) in enumerate(_read_ahead(animation.frames)):
                yield self._image(f"{folder / str(index).zfill(digits)}", pixels, values)

    def _image(self, name, pixels, values):
        outputs = self._outputs(name)
        if self._is_done(outputs):
            return outputs, False
        for output, translated in zip(outputs, self._translations(pixels, self.suffix, values)):
            codecs.write(translated, output)
        return outputs, True

    def _animation(self, name, animation, values):
        suffix = animations.SUFFIXES[animation.format]
        output = self.to / f"{name}{suffix}"
        if self._is_done([output]):
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

    def _is_done(self, outputs):
        return not self.overwrite and all(output.exists() for output in outputs)

    def _translations(self, pixels, suffix, values):
        if 0 in pixels.shape:
            raise InputError(f"An image must have pixels. Received: {pixels.shape}. Replace it.")
        if self.size:
            sides = pixels.shape[:2]
            own = ((control, values[control.name]) for control, _ in self.files_of_values)
            values = {
                control.name: value_files.scaled_value(
                    value, control, sides, self.size, self.translator.kernel
                )
                for control, value in (*self.translator.shared, *own)
            }
            pixels = value_files.scaled(pixels, self.size, self.translator.kernel)
        translations = self.translator.translate(pixels, *([values] if values else []))
        channels = pixels.shape[-1]
        has_alpha = channels in (2, 4) and channels != self.translator.source.channels
        if not (has_alpha and suffix in _WITH_ALPHA and self.translator.target.channels in (1, 3)):
            return translations
        alpha = images.to_pixels(images.to_signed(pixels[..., -1:]), self.translator.target.dtype)
        return [np.concatenate([translated, alpha], axis=-1) for translated in translations]


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


def _count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"
