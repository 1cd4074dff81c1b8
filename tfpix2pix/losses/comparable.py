"""Comparable images: what errors and metrics can be measured of."""

import tensorflow as tf

from tfpix2pix.errors import InputError

RULE = "Images are compared as float `[batch, height, width, channels]` in [-1, 1]."


def check_images(**images) -> None:
    """Refuses images that would be measured wrongly in silence.

    Args:
        **images: Arrays or tensors by the names of the arguments.

    Raises:
        ValueError: If one holds whole numbers or is no batch, or their shapes differ.

    Example:
        >>> check_images(target=tf.zeros((4, 4, 3)), translated=tf.zeros((4, 4, 3)))
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: Images are compared as float ... Add the axis of the batch, ...
    """
    images = {name: tf.convert_to_tensor(image) for name, image in images.items()}
    for name, image in images.items():
        if not image.dtype.is_floating:
            raise InputError(
                f"{RULE} Received: {name} of {image.dtype.name}. "
                "`tfpix2pix.data.images.to_signed` makes it of pixels."
            )
        if image.shape.rank not in (None, 4):
            cure = f"Add the axis of the batch, {name}[None]." if image.shape.rank == 3 else ""
            raise InputError(
                f"{RULE} Received: {name} of shape {tuple(image.shape)}. {cure}".rstrip()
            )
    (first, target), *others = images.items()
    for name, image in others:
        if not target.shape.is_compatible_with(image.shape):
            raise InputError(
                f"{RULE} Received: {first} of shape {tuple(target.shape)}, {name} of shape "
                f"{tuple(image.shape)}. Give each target one translation of its size."
            )
