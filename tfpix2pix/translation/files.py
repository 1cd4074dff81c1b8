"""Translates image files, folders of them and animations to files; skips those that are done."""

from pathlib import Path
from typing import Callable, Literal, NamedTuple, Optional, Union

from tfpix2pix.data.parallel import silent
from tfpix2pix.lazily import contact_sheets, file_work, report

MOST_SHOWN = 20  # Rows of a contact sheet.


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
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.translation import Translator
        >>> grey = PixelFormat(1, "uint8", (0.0, 255.0))
        >>> negative = Translator(lambda pixels: [255 - pixels], grey, grey)
        >>> codecs.write(np.zeros((2, 4, 1), "uint8"), "black/1.bmp")
        >>> print(translate_files(negative, "black", "white"))
        1 translation made, 0 were there already.
        >>> int(codecs.read("white/1.png").min())
        255
    """
    options = {"format": format, "frames": frames, "size": size, "half": half}
    work, named_files = file_work.planned_work(
        translator, images, to, **options, overwrite=overwrite
    )
    written = 0
    skipped = 0
    wide = 0
    failures = {}
    examples = []
    outcomes = zip(work.outcomes(named_files), named_files)
    for outcome, (_, file) in progress(outcomes, len(named_files)):
        written += outcome.written
        skipped += outcome.skipped
        wide += outcome.is_wide
        if outcome.example is not None and len(examples) < MOST_SHOWN:
            examples.append((file, outcome.example))
        if outcome.failure is not None:
            failures[str(file)] = outcome.failure
    done = FileReport(written, skipped, failures, examples, wide)
    if grid is not None and examples:
        report.save_picture(contact_sheets.contact_sheet(done, translator), grid)
    return done


def _count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"
