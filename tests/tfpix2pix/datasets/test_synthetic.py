import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data.palettes import CMP_FACADES
from tfpix2pix.datasets import synthetic


@pytest.mark.parametrize("size", [(16, 16), (64, 48), (37, 101)])
def test_a_facade_has_any_size_and_only_label_colours(size):
    photo, labels = synthetic.facade(size, seed=2)
    assert photo.shape == labels.shape == (*size, 3)
    assert photo.dtype == labels.dtype == np.uint8
    colours = {tuple(int(value) for value in colour) for colour in labels.reshape(-1, 3)}
    assert colours <= set(CMP_FACADES.values())


def test_facades_are_decided_by_their_seed():
    first, again, other = (synthetic.facade((32, 32), seed) for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(first, again)
    assert np.abs(np.subtract(first, other, dtype=int)).max() > 0


def test_all_twelve_classes_of_cmp_occur():
    assert len(CMP_FACADES) == 12
    labels = np.concatenate([synthetic.facade((64, 64), seed)[1] for seed in range(30)])
    seen = {
        tuple(int(value) for value in colour) for colour in np.unique(labels.reshape(-1, 3), axis=0)
    }
    assert seen == set(CMP_FACADES.values())


def test_labels_decide_the_photo_up_to_light_and_noise():
    photo, labels = synthetic.facade((128, 128), seed=5)
    windows = (labels == CMP_FACADES["window"]).all(-1)
    walls = (labels == CMP_FACADES["facade"]).all(-1)
    assert photo[windows].mean() < 0.6 * photo[walls].mean()
    assert photo[walls].std() > 3


def test_pairs_are_written_photo_left_labels_right_and_read_labels_first(tmp_path):
    pairs = synthetic.write_pairs(tmp_path, 2, (32, 48), seed=9)
    both = np.asarray(Image.open(tmp_path / pairs.names[1]))
    np.testing.assert_array_equal(both, np.concatenate(synthetic.facade((32, 48), (9, 1)), axis=1))
    source, target = pairs.read(tf.constant(1, tf.int64))
    np.testing.assert_array_equal(np.concatenate([target, source], axis=1), both)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000.png", "00001.png"]


def test_a_size_too_small_for_a_house_is_refused():
    message = "Both sides of a facade must be at least 16 pixels. Received: size=(8, 64). Use more."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        synthetic.facade((8, 64), seed=0)
