import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import smooth_images
from tfpix2pix import InputError, metrics

NAME = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


def test_weights_that_are_not_there_are_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for weights, path in ((None, tmp_path / ".keras/models" / NAME), ("eyes.h5", "eyes.h5")):
        message = (
            "The weights of InceptionV3 are read from a file, not downloaded. Received: "
            f"{path}, which is no file. Put {NAME} of Keras Applications there; "
            "`keras.applications.InceptionV3(include_top=False)` fetches it into ~/.keras/models."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            metrics.inception_features(weights)


@pytest.mark.slow
def test_a_file_of_weights_makes_features_of_any_size(tmp_path):
    network = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg")
    network.save_weights(tmp_path / "eyes.h5")
    features = metrics.inception_features(tmp_path / "eyes.h5")
    for shape in ((2, 64, 48, 3), (1, 300, 310, 3)):
        images = smooth_images(shape)
        expected = network(tf.image.resize(images, (299, 299), antialias=True), training=False)
        assert expected.shape == (shape[0], 2048)
        np.testing.assert_allclose(features(images), expected, rtol=1e-4, atol=1e-7)
    metric = metrics.KID(features)
    metric.update_state(smooth_images((2, 64, 48, 3)), smooth_images((3, 64, 48, 3), seed=1))
    assert np.isfinite(metric.result())
    assert re.fullmatch("inception_v3_[0-9a-f]{8}", metric.feature_model)
    message = (
        "InceptionV3 takes images of 3 channels, RGB. Received: 1 channels. Repeat the one, or "
        "take 3 at a time."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        metric.update_state(smooth_images((2, 64, 48, 1)), smooth_images((2, 64, 48, 1)))


@pytest.mark.slow
def test_weights_of_another_network_are_refused(tmp_path):
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "other.h5")
    message = (
        "The weights must be those of Keras' InceptionV3 without its top, in HDF5. Received: "
        f"{tmp_path / 'other.h5'}: Layer count mismatch when loading weights from file. Model "
        f"expected 188 layers, found 1 saved layers. Use {NAME} of Keras Applications."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        metrics.inception_features(tmp_path / "other.h5")
