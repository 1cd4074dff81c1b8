"""Image metrics: compare each translation with its target, pixel by pixel or by windows."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tfpix2pix.errors import InputError
from tfpix2pix.losses.comparable import check_images

WINDOW = 11  # Pixels; the side of the Gaussian window of SSIM.
_TAPS = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / 1.5) ** 2)
# Terms that keep ratios of next to nothing stable, for values in [0, 1].
_LUMINANCE = 0.01**2
_CONTRAST = 0.03**2
# Exponents of the scales of MS-SSIM, the finest first (Wang et al., 2003, section 3.2).
POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def mean_image_l1(training: Iterable, held_out: Iterable) -> float:
    """Returns the L1 of translating every source into the mean of the training targets.

    A model that has learned anything from its sources is below this baseline.

    Args:
        training: Iterable of `(source, target)` batches, targets float
            `[batch, height, width, channels]` in [-1, 1].
        held_out: The same of other pairs.

    Returns:
        float in [0, 2]: the mean absolute error over the held-out targets.

    Example:
        >>> black, white = -np.ones((1, 2, 2, 3)), np.ones((1, 2, 2, 3))
        >>> mean_image_l1([(None, black), (None, white)], [(None, white)])
        1.0
    """
    mean = np.concatenate([target for _, target in training]).mean(axis=0)
    return float(np.abs(np.concatenate([target for _, target in held_out]) - mean).mean())


def psnr(target, translated) -> tf.Tensor:
    """Returns the peak signal-to-noise ratio of each example; more is better.

    Args:
        target: float `[batch, height, width, channels]` in [-1, 1].
        translated: Same shape and range as `target`.

    Returns:
        float32 `[batch]` in decibels; infinite where both are the same.

    Example:
        >>> psnr(tf.zeros((1, 4, 4, 3)), tf.fill((1, 4, 4, 3), 0.2)).numpy().round(3).tolist()
        [20.0]
    """
    return tf.image.psnr(*_in_unit_range(target, translated), max_val=1.0)


def ssim(target, translated) -> tf.Tensor:
    """Returns the structural similarity of each example; more is better.

    It is the mean over all Gaussian windows of 11 pixels and standard deviation 1.5 within the
    image, and over the channels, of values that are moved to [0, 1] first: luminance is compared
    by ratios, so its value depends on where black is. Other programs get the same of uint8 images.

    Args:
        target: float `[batch, height, width, channels]` in [-1, 1], of 11 pixels or more.
        translated: Same shape and range as `target`.

    Returns:
        float32 `[batch]` in [-1, 1], 1 where both are the same.

    Raises:
        ValueError: If an image is known to be smaller than the window.

    Example:
        >>> ssim(tf.zeros((1, 16, 16, 3)), tf.zeros((1, 16, 16, 3))).numpy().tolist()
        [1.0]

    Reference:
        [Wang et al., 2004](https://doi.org/10.1109/TIP.2003.819861).
    """
    target, translated = _in_unit_range(target, translated)
    if _has_side_below(WINDOW, target):
        raise InputError(
            f"SSIM is measured in windows of {WINDOW} pixels. Received: images of "
            f"{target.shape[1]} x {target.shape[2]} pixels. Use larger images."
        )
    luminance, contrast = _similarities(target, translated)
    return tf.cast(tf.reduce_mean(luminance * contrast, axis=(1, 2, 3)), "float32")


def ms_ssim(target, translated, *, scales: int = 5) -> tf.Tensor:
    """Returns the multi-scale structural similarity of each example; more is better.

    Contrast and structure are compared at the image's size and at a half, a quarter and so on of
    it, luminance at the coarsest scale, of values that are moved to [0, 1] as in `ssim`; means over
    windows that are below 0 count as 0.

    Args:
        target: float `[batch, height, width, channels]` in [-1, 1], of 161 pixels or more for five
            scales, 81, 41, 21 and 11 for four to one.
        translated: Same shape and range as `target`.
        scales: Number of scales, 1 to 5. Fewer than five have the exponents of the finest ones,
            normalized to a sum of 1; compare values of the same `scales` only.

    Returns:
        float32 `[batch]` in [0, 1], 1 where both are the same.

    Raises:
        InputError: If there are no such scales, or images are known to be too small for them.

    Example:
        >>> ms_ssim(tf.zeros((1, 96, 96, 3)), tf.zeros((1, 96, 96, 3)), scales=4).numpy().tolist()
        [1.0]

    Reference:
        [Wang et al., 2003](https://doi.org/10.1109/ACSSC.2003.1292216).
    """
    if not 1 <= scales <= len(POWERS):
        raise InputError(
            f"MS-SSIM has 1 to {len(POWERS)} scales. Received: scales={scales}. Use {len(POWERS)}, "
            "the paper's, or fewer."
        )
    target, translated = _in_unit_range(target, translated)
    least = (WINDOW - 1) * 2 ** (scales - 1) + 1  # Halves are rounded up.
    if _has_side_below(least, target):
        raise InputError(
            f"MS-SSIM of {scales} scales takes images of {least} pixels and more. Received: images "
            f"of {target.shape[1]} x {target.shape[2]} pixels. Use larger images or fewer scales."
        )
    product = 1.0
    for scale, power in enumerate(np.divide(POWERS[:scales], sum(POWERS[:scales])), start=1):
        luminance, similarity = _similarities(target, translated)
        if scale == scales:
            similarity *= luminance
        product *= tf.nn.relu(tf.reduce_mean(similarity, axis=(1, 2))) ** power
        # Without padding: at an odd border a half is the mean of what there is.
        target, translated = (tf.nn.avg_pool2d(x, 2, 2, "SAME") for x in (target, translated))
    return tf.cast(tf.reduce_mean(product, axis=-1), "float32")


def sharpness(images) -> tf.Tensor:
    """Returns the gradient energy of each image.

    Args:
        images: float `[batch, height, width, channels]` in [-1, 1].

    Returns:
        float32 `[batch]`, 0 or more: the squared differences of neighbouring pixels, of both axes
        together, as a mean over pixels and channels.

    Example:
        >>> stripes = tf.tile([[[[-1.0], [1.0]]]], (1, 4, 4, 1))  # 7 differences in 8 columns.
        >>> sharpness(stripes).numpy().tolist()
        [3.5]

    Reference:
        Energy of the gradient as a measure of focus:
        [Subbarao et al., 1993](https://doi.org/10.1117/12.147706).
    """
    check_images(images=images)
    squares = [
        tf.square(differences)
        for differences in tf.image.image_gradients(tf.cast(images, "float32"))
    ]
    return tf.reduce_mean(tf.add_n(squares), axis=(1, 2, 3))


def sharpness_ratio(target, translated) -> tf.Tensor:
    """Returns the gradient energy of each translation as a share of its target's.

    The energy is that of `sharpness`. 1 is best: less is blurred, as translations by L1 alone are,
    more is noisy or has too many edges. Positions of edges do not matter. A nearly flat target
    makes it huge, so look at the median over examples too.

    Args:
        target: float `[batch, height, width, channels]` in [-1, 1].
        translated: Same shape and range as `target`.

    Returns:
        float32 `[batch]`, 0 or more; 1 where both are flat, infinite where the target alone is.

    Example:
        >>> stripes = tf.tile([[[[-1.0], [1.0]]]], (1, 4, 4, 1))
        >>> sharpness_ratio(stripes, stripes / 2).numpy().tolist()
        [0.25]
    """
    check_images(target=target, translated=translated)
    energies = [sharpness(images) for images in (target, translated)]
    return tf.where(tf.equal(*energies), 1.0, energies[1] / energies[0])


def _in_unit_range(target, translated):
    """Moves both from [-1, 1] to [0, 1], float32."""
    check_images(target=target, translated=translated)
    return [(tf.cast(images, "float32") + 1) / 2 for images in (target, translated)]


def _similarities(x, y):
    """Compares luminance, and contrast and structure, window by window, float64.

    In float64, since variances are differences here: in float32, as of `tf.image.ssim`, flat white
    images are 0.001 off.
    """
    x, y = (tf.cast(images, "float64") for images in (x, y))
    mean_x, mean_y, mean_xy, mean_squares = map(_window_means, (x, y, x * y, x**2 + y**2))
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    luminance = (2 * product + _LUMINANCE) / (squares + _LUMINANCE)
    contrast = (2 * (mean_xy - product) + _CONTRAST) / (mean_squares - squares + _CONTRAST)
    return luminance, contrast


def _window_means(images):
    """Returns the Gaussian mean of every window that lies within the images."""
    channels = tf.shape(images)[-1]
    for shape in ((WINDOW, 1, 1, 1), (1, WINDOW, 1, 1)):
        kernel = tf.tile(np.reshape(_TAPS / _TAPS.sum(), shape), (1, 1, channels, 1))
        images = tf.nn.depthwise_conv2d(images, kernel, (1, 1, 1, 1), "VALID")
    return images


def _has_side_below(least, images):
    return any(side is not None and side < least for side in images.shape[1:3])
