import functools
import re

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from skimage import color
from skimage import metrics as skimage_metrics

from tests.cases import smooth_images
from tfpix2pix import InputError, metrics
from tfpix2pix.data.images import to_signed


@pytest.fixture(scope="module", params=[1, 3])
def pairs(request):
    """Targets, and translations of three qualities."""
    random = np.random.default_rng(5)
    target = random.uniform(-1, 1, (3, 17, 24, request.param))
    noise = random.normal(size=target.shape) * np.reshape([0.01, 0.2, 1], (3, 1, 1, 1))
    return target.astype("float32"), np.clip(target + noise, -1, 1).astype("float32")


def test_psnr_is_scikit_image_s(pairs):
    expected = [
        skimage_metrics.peak_signal_noise_ratio(target, translated, data_range=2)
        for target, translated in zip(*pairs)
    ]
    np.testing.assert_allclose(metrics.psnr(*pairs), expected, rtol=1e-5)


def scikit_image_s_ssim(target, translated, data_range):
    return skimage_metrics.structural_similarity(
        target,
        translated,
        data_range=data_range,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )


def test_ssim_is_scikit_image_s(pairs):
    expected = [scikit_image_s_ssim(*((x + 1) / 2 for x in pair), 1) for pair in zip(*pairs)]
    np.testing.assert_allclose(metrics.ssim(*pairs), expected, atol=1e-5)


def brighter(level, side=192):
    """A smooth uint8 image about a level, and the same made brighter by 20 with a little noise."""
    random = np.random.default_rng(0)
    waves = ndimage.gaussian_filter(random.normal(size=(side, side, 3)), (4, 4, 0))
    image = np.round(level + 38 * waves / np.abs(waves).max())
    noisy = np.clip(np.round(image + 20 + random.normal(0, 4, image.shape)), 0, 255)
    return image.astype("uint8"), noisy.astype("uint8")


LEVELS = {40: "dark", 128: "grey", 215: "bright"}


@pytest.mark.parametrize("level", LEVELS, ids=LEVELS.get)
def test_similarity_is_what_others_measure_on_pixels(level):
    pixels = brighter(level)
    batches = [image[np.newaxis] for image in pixels]
    signed = [to_signed(tf.constant(batch)) for batch in batches]
    for metric in (metrics.ssim, metrics.SSIM()):
        value = float(tf.squeeze(metric(*signed)))
        assert value == pytest.approx(scikit_image_s_ssim(*pixels, 255), abs=1e-5)
        assert value == pytest.approx(float(tf.image.ssim(*pixels, 255)), abs=1e-4)
    expected = float(tf.image.ssim_multiscale(*batches, 255)[0])
    for metric in (metrics.ms_ssim, metrics.MSSSIM()):
        assert float(tf.squeeze(metric(*signed))) == pytest.approx(expected, abs=1e-4)


def test_ssim_of_flat_bright_images_is_exact():
    """Where the variances, differences of nearly equal numbers, are 0."""
    white = np.full((16, 16, 1), 250, "uint8")
    pixels = white, white + 1
    measured = metrics.ssim(*(to_signed(image[np.newaxis]) for image in pixels))
    np.testing.assert_allclose(measured, [scikit_image_s_ssim(*pixels, 255)], atol=1e-6)


@pytest.mark.parametrize("level", LEVELS, ids=LEVELS.get)
def test_colours_are_those_of_the_pixels(level):
    """scikit-image moves uint8 to its own range."""
    pixels = brighter(level, side=32)
    expected = color.deltaE_cie76(*map(color.rgb2lab, pixels)).mean()
    measured = metrics.color_distance(*(to_signed(image[np.newaxis]) for image in pixels))
    np.testing.assert_allclose(measured, [expected], rtol=1e-3)


@pytest.mark.parametrize("metric", [metrics.l1, metrics.l2, metrics.psnr, metrics.sharpness_ratio])
def test_a_measure_of_differences_does_not_depend_on_where_zero_is(metric, pairs):
    low, high = (metric(*(images / 2 + shift for images in pairs)) for shift in (-0.5, 0.5))
    np.testing.assert_allclose(low, high, rtol=1e-4)


def smoothed(plane):
    """Means within Gaussian windows of 11 pixels that lie within the image, by SciPy."""
    return ndimage.gaussian_filter(plane, 1.5, truncate=3.5)[5:-5, 5:-5]


def multi_scale_similarity(x, y, powers):
    """Wang et al., 2003, equation 7, for a plane of values in [0, 1] and even sides."""
    product = 1
    for scale, power in enumerate(powers):
        if scale:
            x, y = (a.reshape(len(a) // 2, 2, -1, 2).mean(axis=(1, 3)) for a in (x, y))
        mean_x, mean_y = smoothed(x), smoothed(y)
        covariance = smoothed(x * y) - mean_x * mean_y
        variances = smoothed(x**2) - mean_x**2 + smoothed(y**2) - mean_y**2
        similarity = (2 * covariance + 0.03**2) / (variances + 0.03**2)
        if scale == len(powers) - 1:
            luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
            similarity = similarity * luminance
        product *= max(similarity.mean(), 0) ** power
    return product


@pytest.mark.parametrize(
    ("scales", "sides"), [(1, (16, 18)), (3, (48, 64)), (5, (176, 192))], ids=str
)
def test_ms_ssim_is_the_paper_s_formula(scales, sides):
    random = np.random.default_rng(2)
    target = ndimage.gaussian_filter(random.normal(size=(2, *sides, 3)), (0, 2, 2, 0))
    target = target / np.abs(target).max()
    translated = np.clip(target + 0.3 * random.normal(size=target.shape), -1, 1)
    powers = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales])
    expected = [
        np.mean(
            [
                multi_scale_similarity(x[..., channel], y[..., channel], powers / powers.sum())
                for channel in range(3)
            ]
        )
        for x, y in zip((target + 1) / 2, (translated + 1) / 2)
    ]
    assert 0.2 < min(expected) < max(expected) < 0.95
    np.testing.assert_allclose(
        metrics.ms_ssim(target, translated, scales=scales), expected, atol=1e-4
    )


def test_sharpness_is_the_energy_of_differences(pairs):
    def energy(images):
        return sum((np.diff(images, axis=axis) ** 2).sum(axis=(1, 2, 3)) for axis in (1, 2))

    target, translated = (images.astype("float64") for images in pairs)
    expected = energy(translated) / energy(target)
    np.testing.assert_allclose(metrics.sharpness_ratio(*pairs), expected, rtol=1e-5)
    np.testing.assert_allclose(
        metrics.sharpness(pairs[0]), energy(target) / target[0].size, rtol=1e-5
    )


def test_blur_lowers_sharpness_and_noise_raises_it(pairs):
    target = ndimage.gaussian_filter(pairs[0], (0, 1, 1, 0))
    blurred = ndimage.gaussian_filter(target, (0, 1, 1, 0))
    assert (metrics.sharpness_ratio(target, blurred) < 0.6).numpy().all()
    assert (metrics.sharpness_ratio(target, pairs[0]) > 2).numpy().all()


def test_sharpness_beside_a_flat_target_is_no_nan(pairs):
    flat = np.zeros_like(pairs[0][:1])
    assert metrics.sharpness_ratio(flat, flat + 0.5).numpy().tolist() == [1]
    assert metrics.sharpness_ratio(flat, pairs[0][:1]).numpy().tolist() == [np.inf]


OF_ANY_CHANNELS = [metrics.l1, metrics.l2, metrics.psnr, metrics.ssim, metrics.sharpness_ratio]
OF_ANY_CHANNELS += [functools.partial(metrics.ms_ssim, scales=2)]
OF_RGB = [metrics.color_distance, metrics.lab_intersection]


@pytest.mark.parametrize(
    ("metric", "channels"), [*((m, 2) for m in OF_ANY_CHANNELS), *((m, 3) for m in OF_RGB)]
)
def test_every_example_has_its_own_float32_in_a_graph_of_open_sizes(metric, channels):
    spec = tf.TensorSpec((None, None, None, channels), "float16")
    halves = [tf.cast(smooth_images((3, 24, 26, channels), seed), "float16") for seed in (0, 1)]
    values = tf.function(metric, input_signature=[spec, spec])(*halves)
    assert (values.dtype, values.shape) == (tf.float32, (3,))
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values[1:], metric(*(images[1:] for images in halves)), rtol=1e-4)


def test_the_same_image_is_without_noise():
    image = tf.random.stateless_uniform((2, 16, 16, 3), (0, 1), -1, 1)
    assert np.isposinf(metrics.psnr(image, image)).all()
    np.testing.assert_allclose(metrics.ssim(image, image), 1, rtol=1e-6)
    assert metrics.sharpness_ratio(image, image).numpy().tolist() == [1, 1]


def test_an_image_smaller_than_the_window_has_no_ssim():
    image = tf.zeros((1, 16, 10, 3))
    message = (
        "SSIM is measured in windows of 11 pixels. Received: images of 16 x 10 pixels. Use larger "
        "images."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        metrics.ssim(image, image)


def test_an_image_too_small_for_the_scales_has_no_ms_ssim():
    message = (
        "MS-SSIM of 5 scales takes images of 161 pixels and more. Received: images of 161 x 160 "
        "pixels. Use larger images or fewer scales."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        metrics.ms_ssim(tf.zeros((1, 161, 160, 3)), tf.zeros((1, 161, 160, 3)))
    assert metrics.ms_ssim(tf.zeros((1, 161, 161, 1)), tf.zeros((1, 161, 161, 1))) == 1
    small = tf.zeros((1, 20, 21, 3))
    with pytest.raises(InputError, match=r"^MS-SSIM of 2 scales takes images of 21 pixels"):
        metrics.ms_ssim(small, small, scales=2)


@pytest.mark.parametrize("scales", [0, 6])
def test_ms_ssim_has_the_paper_s_scales(scales):
    message = f"MS-SSIM has 1 to 5 scales. Received: scales={scales}. Use 5, the paper's, or fewer."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        metrics.ms_ssim(tf.zeros((1, 200, 200, 3)), tf.zeros((1, 200, 200, 3)), scales=scales)
