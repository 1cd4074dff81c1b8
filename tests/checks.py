"""What must hold for every case of a kind."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tests.cases import fixed_weights, smooth_images


def check_network(case, folder):
    """Shape, any batch size, stable names, every variable trains, same pixels after saving."""
    model = fixed_weights(case.build())
    batch = [smooth_images(shape, seed) for seed, shape in enumerate(case.inputs)]
    output = call(model, batch)
    assert output.shape == case.output
    assert np.isfinite(output).all()
    assert call(model, [x[:1] for x in batch]).shape == (1, *case.output[1:])
    assert [layer.name for layer in case.build().layers] == [layer.name for layer in model.layers]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(call(model, batch, training=True) - 0.5))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert [v.name for v, g in zip(model.weights, gradients) if g is None] == []
    assert all(np.abs(g).max() > 0 for g in gradients)
    model.save(folder / "model.keras")
    revived = keras.models.load_model(folder / "model.keras")
    np.testing.assert_array_equal(call(revived, batch), output)


def check_layer(case):
    """Shape and dtype in every precision, and the same output from the config alone."""
    layer = case.build()
    batch = [smooth_images(shape, seed) for seed, shape in enumerate(case.inputs)]
    batch, shape = (batch, list(case.inputs)) if len(batch) > 1 else (batch[0], batch[0].shape)
    output = layer(batch, training=False) if _has_mode(layer) else layer(batch)
    assert output.shape == case.output
    revived = type(layer).from_config(layer.get_config())
    revived.build(shape)
    revived.set_weights(layer.get_weights())
    np.testing.assert_array_equal(revived(batch), output)
    half_layer = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    half_layer.build(shape)
    half_layer.set_weights(layer.get_weights())
    half = half_layer(batch)
    assert half.dtype == tf.float16
    np.testing.assert_allclose(tf.cast(half, tf.float32), output, atol=2e-2)


def check_loss(case):
    """One float32 per example, finite for huge half-precision logits, independent per example."""
    loss = case.build()
    batch = [smooth_images(shape, seed) for seed, shape in enumerate(case.inputs)]
    result = loss(*batch)
    assert (result.shape, result.dtype) == (case.output, tf.float32)
    half = loss(*(tf.cast(1e4 * x, tf.float16) for x in batch))
    assert half.dtype == tf.float32
    assert np.isfinite(half).all()
    np.testing.assert_allclose(loss(*(x[1:] for x in batch)), result[1:], rtol=1e-6)


def check_metric(case):
    """One finite value per example or over all of them, however they are batched."""
    metric = case.build()
    batch = [smooth_images(shape, seed) for seed, shape in enumerate(case.inputs)]
    result = metric(*batch)
    assert (result.shape, result.dtype) == (case.output, tf.float32)
    assert np.isfinite(result).all()
    parts = [[x[:1] for x in batch], [x[1:] for x in batch]]
    if not isinstance(metric, keras.metrics.Metric):
        apart = tf.concat([metric(*part) for part in parts], axis=0)
        np.testing.assert_allclose(apart, result, rtol=1e-5)
        return
    metric.reset_state()
    for part in parts:
        metric.update_state(*part)
    np.testing.assert_allclose(metric.result(), result, rtol=1e-5)
    if not hasattr(metric, "feature_model"):  # Any function, which no configuration holds.
        rebuilt = type(metric).from_config(metric.get_config())
        assert rebuilt.name == metric.name
        np.testing.assert_allclose(rebuilt(*batch), result, rtol=1e-5)


def check_model(case):
    """Every variable moves in one step under `fit`; the logs are finite; `translate` translates."""
    model = case.build()
    before = [variable.numpy() for variable in model.trainable_variables]
    batch = tuple(smooth_images(shape, seed) for seed, shape in enumerate(case.inputs))
    history = model.fit(tf.data.Dataset.from_tensors(batch), verbose=0).history
    assert all(np.isfinite(value) for values in history.values() for value in values)
    unmoved = [
        v.name for v, old in zip(model.trainable_variables, before) if (v == old).numpy().all()
    ]
    assert unmoved == []
    inputs = batch[0] if len(batch) == 2 else batch[:-1]
    assert model.translate(inputs).shape == case.output


def call(model, batch, training=False):
    """Calls a model with one input or several."""
    return model(batch if len(batch) > 1 else batch[0], training=training)


def _has_mode(layer):
    return "training" in layer._call_spec.arg_names
