import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import smooth_images
from tfpix2pix import metrics

MEANS = {
    metrics.L1: (metrics.l1, {}),
    metrics.L2: (metrics.l2, {}),
    metrics.PSNR: (metrics.psnr, {}),
    metrics.SSIM: (metrics.ssim, {}),
    metrics.MSSSIM: (metrics.ms_ssim, {"scales": 2}),
    metrics.ColorDistance: (metrics.color_distance, {}),
    metrics.SharpnessRatio: (metrics.sharpness_ratio, {}),
}
TARGET, TRANSLATED = smooth_images((5, 24, 26, 3)), smooth_images((5, 24, 26, 3), seed=1)


def parts(*sizes):
    return zip(tf.split(TARGET, sizes), tf.split(TRANSLATED, sizes))


@pytest.mark.parametrize("kind", MEANS, ids=lambda kind: kind.__name__)
def test_uneven_batches_and_none_at_all(kind):
    function, options = MEANS[kind]
    metric = kind(**options)
    expected = function(TARGET, TRANSLATED, **options).numpy().mean()
    for sizes in ((1, 3, 1), (5,)):
        metric.reset_state()
        assert float(metric.result()) == 0
        for target, translated in parts(*sizes):
            metric.update_state(target, translated)
        np.testing.assert_allclose(metric.result(), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", [*MEANS, metrics.LabIntersection], ids=lambda kind: kind.__name__)
def test_the_config_rebuilds_the_metric_under_its_name(kind):
    _, options = MEANS.get(kind, (None, {}))
    metric = kind(name="held_out", **options)
    revived = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(revived) is kind
    assert (
        revived.get_config()
        == metric.get_config()
        == {
            "name": "held_out",
            "dtype": "float32",
            **options,
        }
    )
    for measure in (metric, revived):
        measure.update_state(TARGET, TRANSLATED)
    assert float(revived.result()) == float(metric.result())


def test_each_is_named_as_its_function():
    names = [kind().name for kind in [*MEANS, metrics.LabIntersection]]
    assert names == [f.__name__ for f, _ in MEANS.values()] + ["lab_intersection"]


def test_they_count_within_a_graph_of_keras():
    model = keras.Sequential([keras.Input((24, 26, 3)), keras.layers.Rescaling(0.5)])
    kinds = (metrics.PSNR, metrics.LabIntersection)
    model.compile(loss="mae", metrics=[kind() for kind in kinds])
    dataset = tf.data.Dataset.from_tensor_slices((TRANSLATED, TARGET)).batch(2)
    results = model.evaluate(dataset, return_dict=True, verbose=0)
    for kind in kinds:
        metric = kind()
        metric.update_state(TARGET, TRANSLATED / 2)
        np.testing.assert_allclose(results[metric.name], metric.result(), rtol=1e-5)


@pytest.mark.parametrize("kind", [metrics.L1, metrics.LabIntersection])
def test_a_weight_of_n_is_an_example_n_times(kind):
    weighted, repeated = kind(), kind()
    weighted.update_state(TARGET, TRANSLATED, sample_weight=[0, 1, 0, 0, 3])
    times = [1, 4, 4, 4]
    repeated.update_state(tf.gather(TARGET, times), tf.gather(TRANSLATED, times))
    np.testing.assert_allclose(weighted.result(), repeated.result(), rtol=1e-6)
