"""Geometry: which part of an image, at which size, the networks see."""

from dataclasses import dataclass, replace
from typing import Optional

import numpy as np
import tensorflow as tf

from tfpix2pix.data import images
from tfpix2pix.errors import MOST_NAMED, InputError

PREPROCESSES = (
    "resize_and_crop",
    "crop",
    "scale_width_and_crop",
    "scale_width",
    "pad",
    "none",
)


@dataclass(frozen=True)
class Geometry:
    """How images of any size become those of a batch.

    | preprocess | resize | crop |
    | --- | --- | --- |
    | `resize_and_crop` | resized to `load_size`, whatever its shape | a random window |
    | `crop` | as it is | a random window |
    | `scale_width_and_crop` | scaled to the width of `load_size` | a random window |
    | `scale_width` | scaled to the width of `image_size`, then as `pad` | all |
    | `pad` | reflected at its borders up to multiples of `multiple` | all |
    | `none` | as it is | all |

    The first is the paper's jitter (section 6.2). Scaled images are stretched where they would be
    lower than the window. Without a crop, sizes may differ from image to image; then a batch must
    be of one image.

    Attributes:
        image_size: `(height, width)` in pixels of a window.
        load_size: `(height, width)` before the random window; by default 286/256 of `image_size`.
        preprocess: One of `PREPROCESSES`.
        multiple: The networks need sides that are multiples of this, in pixels.
        kernels: Resampling kernel of the source and of the target, or of each image of an example;
            see `tfpix2pix.data.images.resize`.

    Raises:
        ValueError: If an option is unknown, `load_size` is smaller than `image_size`, or a window
            has other sides than the networks need.

    Example:
        >>> Geometry((256, 256)).load_size
        (286, 286)
    """

    image_size: tuple[int, int]
    load_size: Optional[tuple[int, int]] = None
    preprocess: str = "resize_and_crop"
    multiple: int = 1
    kernels: tuple[str, ...] = ("bilinear", "bilinear")

    def __post_init__(self):
        """Fills in the paper's load size."""
        if self.preprocess not in PREPROCESSES:
            raise InputError(
                f"`preprocess` must be one of {', '.join(PREPROCESSES)}. Received: "
                f"{self.preprocess!r}."
            )
        if self.load_size is None:
            load_size = tuple(round(side * 286 / 256) for side in self.image_size)
            object.__setattr__(self, "load_size", load_size)
        if any(load < side for load, side in zip(self.load_size, self.image_size)):
            raise InputError(
                "`load_size` must be at least `image_size`. Received: load_size="
                f"{tuple(self.load_size)}, image_size={tuple(self.image_size)}. Leave `load_size` "
                "out for the paper's 286/256."
            )
        if self.window and any(side % self.multiple for side in self.window):
            near = tuple(max(side // self.multiple, 1) * self.multiple for side in self.window)
            raise InputError(
                f"The sides of `image_size` must be multiples of {self.multiple}, as the networks "
                f"need. Received: image_size={self.window}. Use {near}."
            )

    @property
    def window(self) -> Optional[tuple[int, int]]:
        """The size of the random crop, or `None` if there is none."""
        return tuple(self.image_size) if self.preprocess.endswith("crop") else None

    def loaded_sizes(self, sizes: np.ndarray) -> np.ndarray:
        """Returns the sizes of images after `load`.

        Args:
            sizes: int `[..., 2]`, heights and widths in pixels.

        Returns:
            int64 `[..., 2]`.
        """
        sizes = np.asarray(sizes, "int64")
        if self.preprocess == "resize_and_crop":
            return np.broadcast_to(np.array(self.load_size), sizes.shape)
        if self.preprocess.startswith("scale_width"):
            sizes = np.stack(self._scaled(sizes[..., 0], sizes[..., 1]), axis=-1)
        if self.preprocess in ("pad", "scale_width"):
            sizes = sizes + -sizes % self.multiple
        return sizes

    def enlarged(self, sizes: np.ndarray) -> np.ndarray:
        """Returns which images `load` enlarges beyond their pixels, to the size of a window.

        The margin of a random crop does not count: images of `image_size` are none of them.

        Args:
            sizes: int `[..., 2]`, heights and widths in pixels.

        Returns:
            bool `[...]`.
        """
        sizes = np.asarray(sizes)
        sides = {"resize_and_crop": [0, 1], "scale_width_and_crop": [0, 1], "scale_width": [1]}
        sides = sides.get(self.preprocess, [])
        return (sizes[..., sides] < np.array(self.image_size)[sides]).any(axis=-1)

    def load(self, image: tf.Tensor, place: int = 0) -> tf.Tensor:
        """Resizes or pads an image before the crop.

        Args:
            image: uint8, uint16, int32 or float32 `[height, width, channels]`.
            place: Its place in an example, 0 for a source; each has its own resampling kernel.

        Returns:
            The same type, of the size in `loaded_sizes`.
        """
        kernel = self.kernels[place]
        channels = image.shape[-1]
        if self.preprocess == "resize_and_crop":
            image = images.resize(image, self.load_size, kernel)
        elif self.preprocess.startswith("scale_width"):
            height, width = tf.unstack(tf.shape(image)[:2])
            image = images.resize(image, tf.stack(self._scaled(height, width)), kernel)
        if self.preprocess in ("pad", "scale_width"):
            image = reflect_to_multiple(image[tf.newaxis], self.multiple)[0][0]
        return tf.ensure_shape(image, (None, None, channels))

    @property
    def still(self) -> "Geometry":
        """The same without a margin for a random crop, for evaluation.

        Where the window is a part of a scaled image, the scale stays that of the training.
        """
        if self.preprocess == "scale_width_and_crop":
            return self
        return replace(self, load_size=self.image_size)

    def check(self, examples, batch_size: int) -> None:
        """Refuses examples that do not fit.

        Args:
            examples: `tfpix2pix.data.sources.Examples`.
            batch_size: Examples per batch.

        Raises:
            ValueError: If images are smaller than the window, their sides are no multiples, or
                those of a pair or of a batch differ in size; names them.
        """
        sizes = self.loaded_sizes(examples.sizes)
        unequal = (sizes != sizes[:, :1]).any(axis=(1, 2))
        resize = 'preprocess="resize_and_crop"'
        named = " and ".join(examples.places[1:-1] and examples.places) or "source and target"
        self._refuse(unequal, examples, f"{named} of one size", resize)
        if self.window:
            small = (sizes < np.array(self.image_size)).any(axis=(1, 2))
            rule = f"images of at least {self.image_size[0]} x {self.image_size[1]} pixels"
            self._refuse(small, examples, rule, resize)
            return
        odd = (sizes % self.multiple).any(axis=(1, 2))
        rule = f"sides that are multiples of {self.multiple}"
        padded = sizes + -sizes % self.multiple
        helps = batch_size == 1 or (padded == padded[0]).all()
        cure = 'preprocess="pad"'
        self._refuse(
            odd, examples, rule, cure if helps else f"{resize}, or batch_size=1 and {cure}"
        )
        if batch_size > 1:
            other = (sizes != sizes[0]).any(axis=(1, 2))
            rule = f"images of one size in batches of {batch_size}"
            self._refuse(other, examples, rule, f"{resize} or batch_size=1")

    def _refuse(self, faulty, examples, rule, cure):
        if not faulty.any():
            return
        indices = np.flatnonzero(faulty)
        named = [
            f"{examples.names[i]} of {' and '.join(f'{h} x {w}' for h, w in examples.sizes[i])}"
            for i in indices[:MOST_NAMED]
        ]
        more = f" and {len(indices) - MOST_NAMED} more" if len(indices) > MOST_NAMED else ""
        raise InputError(
            f"The preprocess {self.preprocess!r} needs {rule}. Received {len(indices)} of "
            f"{len(faulty)} examples that differ: {', '.join(named)}{more}. Use "
            f"{cure}."
        )

    def _scaled(self, height, width):
        new_width = (self.load_size if self.window else self.image_size)[1]
        least = self.image_size[0] if self.window else 1
        # In integers, so that NumPy and TensorFlow agree.
        new_height = (2 * height * new_width + width) // (2 * width)
        library = np if isinstance(new_height, np.ndarray) else tf
        return [library.maximum(new_height, least), new_width + 0 * width]


def reflect_to_multiple(images: tf.Tensor, multiple: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Pads images by reflection, equally on opposite sides, until their sides are multiples.

    Unlike `tf.pad`, it reflects as often as needed, so an image may be smaller than its padding.

    Args:
        images: `[batch, height, width, channels]` of any dtype.
        multiple: int, in pixels.

    Returns:
        `(padded, top, left)`: the padded images, and int32 scalars where the old ones start in
        them.

    Example:
        >>> padded, top, left = reflect_to_multiple(tf.reshape([1, 2, 3], (1, 1, 3, 1)), 4)
        >>> padded[0, 0, :, 0].numpy().tolist(), int(left)
        ([1, 2, 3, 2], 0)
    """
    starts = []
    for axis in (1, 2):
        side = tf.shape(images)[axis]
        # No remainders of negative numbers: ONNX gives them another sign.
        missing = (multiple - side % multiple) % multiple
        starts.append(missing // 2)
        # Positions run back and forth over the image with this period; a single pixel is repeated.
        period = tf.maximum(2 * side - 2, 1)
        positions = tf.abs(tf.range(side + missing) - starts[-1]) % period
        images = tf.gather(images, tf.minimum(positions, period - positions), axis=axis)
    return images, *starts
