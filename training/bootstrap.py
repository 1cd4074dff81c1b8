"""Bootstrap intervals of means."""

import numpy as np

BATCH = 100  # Resamples in memory at once.


def mean_interval(values, *, resamples: int, seed: int = 0) -> tuple[float, float]:
    """Returns the 95% percentile interval of a mean over resampled values.

    Args:
        values: Numbers, float or bool `[count]`, each of which counts alike.
        resamples: How often as many values are drawn from them, with replacement.
        seed: The same seed and values give the same interval.

    Returns:
        `(low, high)`; of a single value, that value twice.

    Reference:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.
    """
    from scipy import stats  # It takes a second, which programs need not that only parse.

    values = np.asarray(values, "float64")
    if len(values) == 1:  # SciPy refuses it.
        return float(values[0]), float(values[0])
    low, high = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        batch=BATCH,
        method="percentile",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return float(low), float(high)
