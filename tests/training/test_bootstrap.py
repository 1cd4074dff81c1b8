import itertools

import numpy as np
import pytest

from training.bootstrap import mean_interval


def test_the_interval_is_that_of_all_resamples_there_are():
    values = np.random.default_rng(4).normal(0.3, 0.1, 6)
    means = [np.mean(drawn) for drawn in itertools.product(values, repeat=6)]
    expected = np.percentile(means, (2.5, 97.5))
    # A bound's deviation: sqrt(0.025 * 0.975 / resamples) / density, here below 0.0008.
    interval = mean_interval(values, resamples=20_000, seed=1)
    np.testing.assert_allclose(interval, expected, atol=0.003)
    assert interval == mean_interval(values, resamples=20_000, seed=1)
    assert interval != mean_interval(values, resamples=20_000, seed=2)


def test_the_resamples_are_drawn_as_before_scipy_drew_them():
    """Intervals of earlier reports stay as they were."""
    values = np.random.default_rng(3).normal(0, 1, 25)
    random = np.random.default_rng(7)
    means = random.choice(values, (1000, 25)).mean(axis=1)
    expected = np.percentile(means, (2.5, 97.5))
    np.testing.assert_allclose(mean_interval(values, resamples=1000, seed=7), expected, rtol=1e-12)


def test_a_single_value_has_no_spread_and_truths_are_shares():
    assert mean_interval([0.25], resamples=9) == (0.25, 0.25)
    low, high = mean_interval([True, False] * 8, resamples=1000)
    assert (low, high) == pytest.approx((0.25, 0.75))
