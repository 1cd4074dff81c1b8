import numpy as np
import pytest
from PIL import Image

from tfpix2pix import metrics, report


def test_a_comparison_holds_every_pixel_of_every_image():
    random = np.random.default_rng(0)
    columns = {name: random.integers(0, 256, (2, 64, 32, 3)).astype("uint8") for name in "abc"}
    picture = np.asarray(report.comparison(columns))
    height, width, margin, header = 256, 128, 8, 32
    assert picture.shape == (
        2 * (height + margin) + margin + header,
        3 * (width + margin) + margin,
        3,
    )
    for column, batch in enumerate(columns.values()):
        for row, image in enumerate(batch):
            top, left = header + row * (height + margin), margin + column * (width + margin)
            tile = picture[top : top + height : 4, left : left + width : 4]
            np.testing.assert_array_equal(tile, image)


def test_the_titles_are_drawn():
    grey = np.full((1, 128, 128, 3), 128, "uint8")
    header = np.asarray(report.comparison({"input": grey, "output": grey}))[:32]
    halves = header[:, :140], header[:, 140:]
    assert all((half < 128).any() for half in halves)


def test_a_picture_is_written_whole_and_leaves_no_part(tmp_path):
    report.save_picture(Image.new("RGB", (3, 2), "red"), tmp_path / "new/red.png")
    with Image.open(tmp_path / "new/red.png") as picture:
        assert picture.size == (3, 2)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["red.png"]


def test_the_baseline_is_the_l1_to_the_mean_of_the_training_targets():
    random = np.random.default_rng(3)
    training, held_out = random.uniform(-1, 1, (2, 5, 4, 4, 3))
    batches = [(None, training[:2]), (None, training[2:])]
    expected = np.mean([np.abs(image - training.mean(0)).mean() for image in held_out])
    assert metrics.mean_image_l1(batches, [(None, held_out)]) == pytest.approx(expected)
