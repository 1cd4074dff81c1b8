import re

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from skimage import color

from tfpix2pix import InputError, metrics


@pytest.fixture(scope="module")
def pairs():
    """Targets of all colours, and translations of two qualities."""
    random = np.random.default_rng(3)
    target = random.uniform(-1, 1, (2, 19, 23, 3)) * random.uniform(0, 1, (2, 1, 1, 3))
    noise = random.normal(size=target.shape) * np.reshape([0.02, 0.3], (2, 1, 1, 1))
    return target.astype("float32"), np.clip(target + noise, -1, 1).astype("float32")


def lab(images):
    return color.rgb2lab((np.asarray(images, "float64") + 1) / 2)


def intersections(target, translated):
    """Of L, a and b of all given pixels, by NumPy's histograms."""
    histograms = [
        [np.histogram(plane, np.arange(-130.5, 131))[0] for plane in lab(x).reshape(-1, 3).T]
        for x in (target, translated)
    ]
    shares = [np.divide(counts, np.sum(counts[0])) for counts in histograms]
    return np.minimum(*shares).sum(axis=-1)


def test_color_distance_is_scikit_image_s(pairs):
    expected = color.deltaE_cie76(*map(lab, pairs)).mean(axis=(1, 2))
    np.testing.assert_allclose(metrics.color_distance(*pairs), expected, rtol=1e-3)


def test_lab_intersection_is_that_of_numpy_s_histograms(pairs):
    expected = [intersections(*pair).mean() for pair in zip(*pairs)]
    assert 0.5 < expected[1] < expected[0] < 0.95
    # A pixel of 437 may lie on the edge of a bin.
    np.testing.assert_allclose(metrics.lab_intersection(*pairs), expected, atol=3e-3)


def way(target, translated, unit):
    """SciPy's Wasserstein distances of L, a and b, as one length."""
    values = [lab(images).reshape(-1, 3).T for images in (target, translated)]
    planes = zip(*([np.round(x / unit) * unit for x in values] if unit else values))
    return np.linalg.norm([stats.wasserstein_distance(*pair) for pair in planes])


def test_lab_distance_is_how_far_scipy_moves_colours(pairs):
    """Of other images than pairs, of another size and number, batch by batch."""
    judged = pairs[1][:, ::-1, :11] * 0.6
    metric = metrics.LabDistance(name="colours")
    assert float(metric.result()) == 0
    metric.update_state(None, judged[:1])
    assert float(metric.result()) == 0
    metric.update_state(pairs[0][:1], None)
    metric.update_state(pairs[0][1:], judged[1:])
    distance = float(metric.result())
    assert distance > 5
    # A pixel may lie on the edge of a bin.
    assert distance == pytest.approx(way(pairs[0], judged, unit=1), rel=1e-3)
    assert distance == pytest.approx(way(pairs[0], judged, unit=None), abs=0.2)
    expected = [way(pairs[0], image, unit=1) for image in judged]
    np.testing.assert_allclose(metric.of_each(judged), expected, rtol=2e-3)


def test_lab_distance_is_0_of_moved_pixels_and_at_most_the_mean_difference(pairs):
    metric = metrics.LabDistance()
    metric.update_state(*pairs)
    assert 0 < float(metric.result()) < float(np.mean(metrics.color_distance(*pairs)))
    metric.reset_state()
    metric.update_state(pairs[0], pairs[0][:, ::-1])
    assert float(metric.result()) == 0
    # Of one colour each it is the difference of the colours.
    brown, teal = np.reshape([[0.2, -0.3, -0.8], [-0.9, 0.1, 0.2]], (2, 1, 1, 1, 3))
    metric.reset_state()
    metric.update_state(brown, np.tile(teal, (3, 2, 2, 1)))
    expected = float(metrics.color_distance(brown, teal)[0])
    assert float(metric.result()) == pytest.approx(expected, abs=1)


def test_both_know_the_extreme_colours():
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, 8).T.reshape(8, 1, 1, 3)
    np.testing.assert_allclose(metrics.color_distance(corners, corners), 0, atol=1e-3)
    np.testing.assert_allclose(metrics.lab_intersection(corners, corners), 1)
    blue, green = np.eye(3)[[2, 1], None, None] * 2 - 1
    np.testing.assert_allclose(
        metrics.color_distance(blue[None], green[None])[0], 258.68, atol=0.05
    )


def test_places_do_not_matter_to_the_distribution_but_to_the_distance(pairs):
    turned = pairs[0][:, ::-1]
    np.testing.assert_allclose(metrics.lab_intersection(pairs[0], turned), 1, rtol=1e-6)
    assert (metrics.color_distance(pairs[0], turned) > 10).numpy().all()


def test_over_a_data_set_all_pixels_of_all_images_are_counted(pairs):
    metric = metrics.LabIntersection(name="colours")
    large, small = pairs[0][:1], pairs[0][1:, :8, :9]
    metric.update_state(large, pairs[1][:1])
    metric.update_state(small, pairs[1][1:, :8, :9])
    pixels = [
        np.concatenate([images[0].reshape(-1, 3), images[1, :8, :9].reshape(-1, 3)])
        for images in pairs
    ]
    np.testing.assert_allclose(metric.per_channel(), intersections(*pixels), atol=5e-3)
    np.testing.assert_allclose(metric.result(), intersections(*pixels).mean(), atol=5e-3)
    exchanged = metrics.LabIntersection()
    exchanged.update_state(tf.concat(pairs, axis=0), tf.concat(pairs[::-1], axis=0))
    assert float(exchanged.result()) == 1  # Though no image has the colours of its target.


def test_a_data_set_in_two_parts_is_one(pairs):
    whole, part, rest = (metrics.LabIntersection() for _ in range(3))
    whole.update_state(*pairs)
    part.update_state(*(images[:1] for images in pairs))
    rest.update_state(*(images[1:] for images in pairs))
    part.merge_state([rest])
    np.testing.assert_array_equal(part.per_channel(), whole.per_channel())
    part.reset_state()
    assert float(part.result()) == 0


@pytest.mark.parametrize("channels", [1, 4])
def test_colour_is_that_of_rgb(channels):
    message = (
        f"Colour is measured on images of 3 channels, RGB. Received: {channels} channels. Leave "
        "colour metrics out, or measure its channels 3 at a time."
    )
    image = tf.zeros((1, 4, 4, channels))
    for metric in (metrics.color_distance, metrics.lab_intersection, metrics.LabDistance()):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            metric(image, image)
