"""Base task: what all tasks are, and which there are.

A paper brings a task of its own as a class with a name; configurations and model cards find it by
that, in no list, once its module is imported.
"""

from dataclasses import dataclass
from typing import ClassVar, Optional

import tensorflow as tf

from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.images import to_pixels, to_signed
from tfpix2pix.errors import InputError


@dataclass(frozen=True)
class Task:
    """From the pixels of files to what networks see, and back; the base of all tasks.

    As it is, networks see all pixels, with their range brought to [-1, 1].

    Attributes:
        formats: Tuple of `tfpix2pix.data.formats.PixelFormat`: of the source, of others if there
            are any, and of the target; or of the photo from which all are made.
        name: What configurations and model cards call it; a class that states one is a task of its
            own, and its subclasses that state none are forms of the same.
        of_photos: Whether source and target are made of one photo.
        pixelwise: Whether each pixel of `source` and `picture` depends on the same pixel alone, so
            that large images can be converted by rows. A task that looks around states `False`.
        photo_channels: How many channels its photos need, if it is not for the files to decide.

    Example:
        >>> Task((PixelFormat(1, "uint8", (0, 255)), PixelFormat(3, "uint8", (0, 255)))).channels
        (1, 3)
    """

    formats: tuple[PixelFormat, ...]
    name: ClassVar[str]
    of_photos: ClassVar[bool] = False
    pixelwise: ClassVar[bool] = True
    photo_channels: ClassVar[Optional[int]] = None

    @classmethod
    def of(cls, formats: tuple[PixelFormat, ...], labels: tuple) -> "Task":
        """Returns the task of images of some formats.

        Args:
            formats: As of the class.
            labels: See `Labels`; for tasks that have any.
        """
        del labels
        return cls(formats)

    @property
    def channels(self) -> tuple[int, int]:
        """Channels of source and target as networks see them."""
        return self.source_format.channels, self.target_format.channels

    @property
    def has_ids(self) -> bool:
        """Whether sources are maps of numbers, which files are read as by `decode_ids`."""
        return False

    @property
    def source_format(self) -> PixelFormat:
        """The `PixelFormat` of files that can be translated."""
        return self.formats[0]

    @property
    def target_format(self) -> PixelFormat:
        """The `PixelFormat` of the files of translations."""
        return self.formats[-1]

    def example(self, images: tuple, key: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Makes a training example.

        Args:
            images: Tuple of pixels `[height, width, channels]` of the formats.
            key: int64 `[2]`, the key of random numbers.

        Returns:
            `(source, *others, target)`: float32 `[height, width, channels]` in [-1, 1], and int32
            of others that are ids, as they are.
        """
        del key
        return self.still(images)

    def still(self, images: tuple) -> tuple[tf.Tensor, ...]:
        """Makes an example to judge by, of which nothing is left to chance.

        Args:
            images: As of `example`.

        Returns:
            As `example`.
        """
        others = (
            pixels if kind.dtype == "int32" else to_signed(pixels, kind.value_range)
            for pixels, kind in zip(images[1:-1], self.formats[1:-1])
        )
        return (self.source(images[0]), *others, self.target(images[-1]))

    def source(self, pixels):
        """Converts the pixels of a file to a network's input: float32 in [-1, 1]."""
        return to_signed(pixels, self.source_format.value_range)

    def target(self, pixels):
        """Converts the pixels of a file to a network's output: float32 in [-1, 1]."""
        return to_signed(pixels, self.target_format.value_range)

    def picture(self, source, translated):
        """Returns the pixels of a translation in a file: of the target's format."""
        del source
        return to_pixels(translated, self.target_format.dtype, self.target_format.value_range)

    def source_picture(self, source):
        """Returns the pixels of a source in a file: of the source's format."""
        return to_pixels(source, self.source_format.dtype, self.source_format.value_range)


def kinds() -> dict[str, type[Task]]:
    """Returns the classes of all tasks that there are: those of this file and of imported papers.

    Returns:
        Dict of name to subclass of `Task`.

    Raises:
        ValueError: If two have one name.

    Example:
        >>> from tfpix2pix.data import tasks
        >>> kinds()["edges"] is tasks.Edges
        True
    """
    # Families use these modules when they need them; a card may name a task before.
    from tfpix2pix.data import hint_points, tasks  # noqa: F401

    named = {}
    classes = [Task]
    while classes:
        kind = classes.pop(0)
        classes += kind.__subclasses__()
        name = vars(kind).get("name")
        # A notebook may define its own again.
        if name in named and kind.__module__ != named[name].__module__:
            raise InputError(
                "A task must have a name of its own. Received: "
                f"{name!r} of {named[name].__module__} and of {kind.__module__}. Rename one."
            )
        if name is not None:
            named[name] = kind
    return named


def kind_of(name: str) -> type[Task]:
    """Returns the class of the task called `name`.

    Args:
        name: Its `name`.

    Returns:
        Subclass of `Task`.

    Raises:
        ValueError: If there is no such task.

    Example:
        >>> kind_of("edges").of_photos
        True
    """
    named = kinds()
    if name not in named:
        raise InputError(
            f"`task` must be one of {', '.join(named)}. Received: {name!r}. Import the paper that "
            "has it, or use one of these."
        )
    return named[name]
