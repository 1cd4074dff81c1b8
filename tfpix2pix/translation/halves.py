"""Halves of side-by-side files, whose other half shall not be translated."""

from typing import Optional

from tfpix2pix.translation.animations import Animation


def half_of(animation: Animation, half: Optional[str]) -> Animation:
    """Cuts the frames of a file.

    Args:
        animation: `Animation`.
        half: `"left"` or `"right"`, of an odd width the wider one; `None` for all of it.

    Returns:
        `Animation` of that half.

    Example:
        >>> import numpy as np
        >>> whole = Animation("PNG", 1, [(np.zeros((2, 6, 3), "uint8"), 0)], (2, 6))
        >>> half_of(whole, "left").size
        (2, 3)
    """
    if half is None:
        return animation
    height, width = animation.size
    middle = width // 2
    columns = slice(0, middle) if half == "left" else slice(middle, None)
    frames = ((pixels[:, columns], duration) for pixels, duration in animation.frames)
    if animation.count == 1:
        frames = list(frames)
    side = middle if half == "left" else width - middle
    return animation._replace(frames=frames, size=(height, side))


def is_twice_as_wide(size: tuple[int, int], known: Optional[tuple[int, int]]) -> bool:
    """Returns whether an image is as side-by-side files of known images are.

    Args:
        size: `(height, width)` in pixels.
        known: The same of the images that were trained on, of which the proportions count; `None`
            if it is not known.

    Example:
        >>> is_twice_as_wide((256, 512), (64, 64)), is_twice_as_wide((256, 512), (64, 128))
        (True, False)
    """
    return known is not None and size[1] * known[0] == 2 * size[0] * known[1]
