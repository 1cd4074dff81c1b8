import re

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from tfpix2pix import InputError, metrics


def raw(images):
    """Features that are the channels of an image of one pixel."""
    return images[:, 0, 0]


def images_of(features):
    return np.asarray(features, "float32")[:, np.newaxis, np.newaxis]


def measured(metric, targets, translations, batch=7):
    """Updates the metric by batches, the last one smaller."""
    for start in range(0, max(len(targets), len(translations)), batch):
        stop = start + batch
        metric.update_state(images_of(targets[start:stop]), images_of(translations[start:stop]))
    return float(metric.result())


@pytest.fixture(scope="module")
def features():
    """Correlated features of 120 targets and as many translations."""
    random = np.random.default_rng(4)
    mixing = random.normal(size=(2, 12, 12))
    sides = random.normal(size=(2, 120, 12)) @ mixing + random.normal(size=(2, 1, 12))
    return sides.astype("float32")


def frechet(x, y):
    """Heusel et al., 2017, equation 6, with SciPy's matrix root."""
    x, y = x.astype("float64"), y.astype("float64")
    one, other = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(one @ other).real
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(one + other - 2 * root)


def squared_mmd(x, y):
    """The estimate of Bińkowski et al., 2018, that has no bias, by loops over all pairs."""
    x, y = x.astype("float64"), y.astype("float64")

    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    def within(x):
        pairs = [kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
        return np.mean(pairs)

    return within(x) + within(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])


def test_fid_is_that_of_scipy_s_matrix_root(features):
    fid = metrics.FID(raw, name="distance")
    np.testing.assert_allclose(measured(fid, *features), frechet(*features), rtol=1e-5)
    assert fid.feature_model == "raw"
    fid.reset_state()
    np.testing.assert_allclose(
        measured(fid, *features[:, :50]), frechet(*features[:, :50]), rtol=1e-5
    )


def test_fid_of_two_gaussians_is_the_closed_form():
    # Exactly of mean m and deviation s: the corners of a cube, m - s and m + s in each coordinate.
    corners = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, 8).T * np.sqrt(7 / 8)
    targets = 1 + corners * [1, 2, 0]
    translations = [3, 1, 1] + corners * [4, 2, 0.5]
    expected = 2**2 + (4 - 1) ** 2 + 0 + 0.5**2
    assert measured(metrics.FID(raw), targets, translations, batch=3) == pytest.approx(expected)


def test_fid_is_exact_for_features_far_from_0(features):
    # Their squares have no digits left in float64 for the deviations.
    far = np.round(features * 64) / 64 + 2.0**17
    expected = frechet(*np.round(features * 64) / 64)
    np.testing.assert_allclose(measured(metrics.FID(raw), *far, batch=1), expected, rtol=1e-5)


def test_fid_of_fewer_examples_than_features_is_finite_and_right():
    x, y = np.random.default_rng(6).normal(size=(2, 9, 40)).astype("float32")
    # The trace of the root is the sum of the singular values of a product that is not singular.
    centered = [(side - side.mean(0)).astype("float64") for side in (x, y)]
    shared = np.linalg.svd(centered[0] @ centered[1].T, compute_uv=False).sum() / 8
    spread = sum((side**2).sum() / 8 for side in centered) - 2 * shared
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + spread
    np.testing.assert_allclose(measured(metrics.FID(raw), x, y), expected, rtol=1e-4)
    assert measured(metrics.FID(raw), x, x) == pytest.approx(0, abs=1e-5)
    assert measured(metrics.FID(raw), np.ones((3, 5)), np.ones((3, 5))) == 0


def test_kid_is_the_mean_over_all_pairs(features):
    few = features[:, :20] * np.float32(0.3)
    kid = metrics.KID(raw)
    np.testing.assert_allclose(measured(kid, *few), squared_mmd(*few), rtol=1e-5)
    assert len(kid.estimates()) == 1
    uneven = few[0], few[1, :13]
    np.testing.assert_allclose(measured(metrics.KID(raw), *uneven), squared_mmd(*uneven), rtol=1e-5)
    apart = metrics.KID(raw)
    apart.update_state(images_of(uneven[0]), None)
    apart.update_state(None, images_of(uneven[1]))
    assert float(apart.result()) == pytest.approx(squared_mmd(*uneven), rel=1e-5)


def test_kid_has_no_bias():
    # Of equal distributions, samples of 5 have a mean of 0; with the pairs of an example with
    # itself it would be near 4.
    kid = metrics.KID(raw, subsets=200, subset_size=5)
    value = measured(kid, *np.random.default_rng(8).normal(size=(2, 2000, 4)), batch=1000)
    error = kid.estimates().std() / np.sqrt(200)
    assert abs(value) < 3 * error < 1


def test_kid_of_many_is_a_mean_over_subsets_of_a_seed(features):
    def kid(seed):
        metric = metrics.KID(raw, subsets=40, subset_size=25, seed=seed)
        return measured(metric, *features[:, :60]), metric.estimates()

    value, estimates = kid(seed=1)
    assert estimates.shape == (40,)
    assert value == pytest.approx(estimates.mean())
    assert value == kid(seed=1)[0] != kid(seed=2)[0]
    whole = squared_mmd(*features[:, :60])
    assert abs(value - whole) < 4 * estimates.std() / np.sqrt(40)


@pytest.mark.parametrize("kind", [metrics.FID, metrics.KID])
def test_parts_merged_and_a_graph_give_the_same(kind, features):
    whole, part, rest, traced = (kind(raw) for _ in range(4))
    expected = measured(whole, *features)
    measured(part, *features[:, :50])
    measured(rest, *features[:, 50:])
    part.merge_state([rest])
    assert float(part.result()) == pytest.approx(expected)

    @tf.function
    def update(*batches):
        traced.update_state(*batches)

    for _ in range(2):  # The second time without tracing.
        traced.reset_state()
        for batch in np.split(features, 4, axis=1):
            update(*map(tf.constant, map(images_of, batch)))
        assert float(tf.function(traced.result)()) == pytest.approx(expected)


def test_replicas_count_into_one_metric(features, mirrored):
    with mirrored.scope():
        fid, colors = metrics.FID(raw), metrics.LabIntersection()
    images = [tf.constant(images_of(np.tanh(side[:80, :3]))) for side in features]

    @tf.function
    def update(*batch):
        fid.update_state(*batch)
        colors.update_state(*batch)

    halves = [
        mirrored.experimental_distribute_values_from_function(
            lambda replica, side=side: tf.split(side, 2)[replica.replica_id_in_sync_group]
        )
        for side in images
    ]
    mirrored.run(update, halves)
    expected = metrics.LabIntersection()
    expected.update_state(*images)
    np.testing.assert_allclose(colors.result(), expected.result(), rtol=1e-6)
    np.testing.assert_allclose(fid.result(), frechet(*np.tanh(features[:, :80, :3])), rtol=1e-5)


@pytest.mark.parametrize("kind", [metrics.FID, metrics.KID])
def test_networks_are_named_and_not_saved_with_the_metric(kind, tmp_path):
    network = tf.keras.Sequential([tf.keras.layers.Conv2D(5, 1, name="conv")], name="eyes")
    network.add(tf.keras.layers.GlobalAveragePooling2D())
    metric = kind(network)
    metric.update_state(tf.zeros((4, 6, 6, 3)), tf.ones((4, 6, 6, 3)))
    assert metric.feature_model == "eyes"
    assert metric.variables == []
    saved = tf.train.Checkpoint(metric=metric).save(tmp_path / "checkpoint")
    assert not [name for name, _ in tf.train.list_variables(saved) if "kernel" in name]


@pytest.mark.parametrize("kind", [metrics.FID, metrics.KID])
def test_a_translation_that_is_nan_makes_it_nan(kind, features):
    broken = np.where(np.arange(120)[:, np.newaxis] == 50, np.nan, features[1])
    assert np.isnan(measured(kind(raw), features[0], broken))


@pytest.mark.parametrize("kind", [metrics.FID, metrics.KID])
def test_a_distribution_takes_two_examples(kind):
    metric = kind(raw)
    metric.update_state(tf.zeros((3, 1, 1, 2)), tf.zeros((1, 1, 1, 2)))
    message = (
        "Distributions are compared by 2 targets and 2 translations or more. Received: 3 and 1. "
        "Update the metric with more."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        metric.result()


def test_features_are_vectors():
    message = (
        "A feature model returns `[batch, features]`. Received: shape (2, 5, 5, 3) of identity. "
        "Pool height and width."
    )

    def identity(images):
        return images

    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        metrics.FID(identity).update_state(tf.zeros((2, 5, 5, 3)), tf.zeros((2, 5, 5, 3)))


@pytest.mark.parametrize("options", [{"subsets": 0}, {"subset_size": 1}], ids=str)
def test_subsets_are_of_two_or_more(options):
    received = {"subsets": 100, "subset_size": 1000, **options}
    message = (
        "KID is a mean over `subsets`, 1 or more, of `subset_size`, 2 or more. Received: "
        f"subsets={received['subsets']}, subset_size={received['subset_size']}. Use 100 and 1000."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        metrics.KID(raw, **options)
