import numpy as np
import pytest

from tfpix2pix.data import oriented


@pytest.mark.parametrize("k", range(8))
def test_the_direction_is_that_of_the_change(k):
    rows, columns = np.mgrid[:64, :64] - 31.5
    angle = k * np.pi / 8
    across = np.cos(angle) * columns + np.sin(angle) * rows
    photo = np.repeat((across > 0)[..., np.newaxis].astype("float32"), 3, axis=-1)
    strength, direction = oriented.relative_strength(photo)
    near = (np.abs(across) < 1) & (np.hypot(rows, columns) < 20)
    assert (direction[near] == k).mean() > 0.95
    assert strength[near].min() > 1.2 > strength[np.abs(across) > 8].max()


def test_filters_are_derivatives_of_gaussians():
    """A step of lightness of 1 by its closed form: a Gaussian, broader for slanted filters."""
    photo = np.zeros((256, 256, 3), "float32")
    photo[:, 128:] = 1
    strength, direction = oriented.relative_strength(photo, sigma=2.0)
    places = np.arange(256) - 127.5
    angles = np.arange(8)[:, np.newaxis] * np.pi / 8
    changes = np.zeros((8, 256))
    for sigma in (2.0, 4.0, 8.0):
        deviation = np.hypot(np.cos(angles) * sigma, np.sin(angles) * 2 * sigma)
        density = np.exp(-0.5 * (places / deviation) ** 2) / (np.sqrt(2 * np.pi) * deviation)
        changes += sigma * np.abs(np.cos(angles)) * density
    strongest = changes.max(axis=0)
    far = np.exp(-0.5 * ((places - places[:, np.newaxis]) / 34) ** 2) / (34 * np.sqrt(2 * np.pi))
    expected = strongest / (0.009 + far @ strongest)
    middle = slice(64, 192)  # The mirrored borders do not count here.
    np.testing.assert_allclose(strength[128, middle], expected[middle], rtol=0.01, atol=0.02)
    assert (direction[128, 125:131] == 0).all()


def test_large_photos_keep_no_filters(monkeypatch):
    photo = np.random.default_rng(0).random((24, 32, 3), "float32")
    kept = oriented.relative_strength(photo)
    monkeypatch.setattr(oriented, "KEPT_PIXELS", 0)
    before = oriented._kept_filters.cache_info()
    np.testing.assert_array_equal(oriented.relative_strength(photo), kept)
    assert oriented._kept_filters.cache_info() == before


def test_a_crest_is_one_pixel_across_its_line():
    rows, columns = np.mgrid[:32, :32] - 15.3
    for k in (0, 2, 3, 4, 6):
        angle = k * np.pi / 8
        ridge = np.exp(-0.5 * (np.cos(angle) * columns + np.sin(angle) * rows) ** 2 / 9)
        crests = oriented.crests(ridge.astype("float32"), np.full((32, 32), k), 0.5)
        sums = (crests > 0).sum(axis=1 if k < 3 else 0)[12:20]
        assert (sums >= 1).all()
        assert (sums <= 2).all()
        assert crests.max() == ridge.astype("float32").max()
