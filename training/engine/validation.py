"""Validation: how good translations of held-out examples are, while training."""

import tensorflow as tf

from tfpix2pix import losses, metrics

# Per example, and whether more is better.
METRICS = {"l1": (losses.l1, False), "psnr": (metrics.psnr, True), "ssim": (metrics.ssim, True)}


def validate(model, batches):
    """Measures translations of held-out examples.

    Args:
        model: A compiled `tfpix2pix.models.TranslationModel`.
        batches: Iterable of `(source, target)`, float `[batch, height, width, channels]` in
            [-1, 1].

    Returns:
        Dict of metric to its mean over all examples, float.
    """
    values = {name: [] for name in METRICS}
    for source, target in batches:
        translated = model.translate(source)
        for name, (metric, _) in METRICS.items():
            values[name].append(metric(target, translated))
    return {name: float(tf.reduce_mean(tf.concat(of, axis=0))) for name, of in values.items()}


def goodness(values, by):
    """Returns a metric so that more is better."""
    return values[by] if METRICS[by][1] else -values[by]
