import re

import numpy as np
import pytest
import tensorflow as tf
from skimage import metrics as skimage_metrics

from tfpix2pix import InputError, metrics


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


def test_ssim_is_scikit_image_s(pairs):
    expected = [
        skimage_metrics.structural_similarity(
            target,
            translated,
            data_range=2,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for target, translated in zip(*pairs)
    ]
    np.testing.assert_allclose(metrics.ssim(*pairs), expected, atol=1e-4)


def test_both_are_computed_in_float32_and_within_a_graph(pairs):
    halves = [tf.cast(images, "float16") for images in pairs]
    for metric in (metrics.psnr, metrics.ssim):
        spec = tf.TensorSpec((None, None, None, pairs[0].shape[-1]), "float16")
        values = tf.function(metric, input_signature=[spec, spec])(*halves)
        assert values.dtype == "float32"
        np.testing.assert_allclose(values, metric(*halves), rtol=1e-5)


def test_the_same_image_is_without_noise():
    image = tf.random.stateless_uniform((2, 16, 16, 3), (0, 1), -1, 1)
    assert np.isposinf(metrics.psnr(image, image)).all()
    np.testing.assert_allclose(metrics.ssim(image, image), 1, rtol=1e-6)


def test_an_image_smaller_than_the_window_has_no_ssim():
    image = tf.zeros((1, 16, 10, 3))
    message = (
        "SSIM is measured in windows of 11 pixels. Received: images of 16 x 10 pixels. Use larger "
        "images."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        metrics.ssim(image, image)
