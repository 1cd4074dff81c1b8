import numpy as np
import pytest
from PIL import Image

from tfpix2pix import metrics, report
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.models import Column


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


def test_labels_are_below_their_images_and_cut_off_at_their_start():
    grey = np.full((2, 128, 128, 3), 128, "uint8")
    long = "a folder of a very long name/1.png"
    names = {"b": ["1.png", f"{long}\n1.png"]}
    picture = np.asarray(report.comparison({"a": grey, "b": grey}, labels=names))
    height = 128 + 2 * 24
    assert picture.shape == (32 + 2 * (height + 8) + 8, 2 * (128 + 8) + 8, 3)
    below = [picture[32 + row * (height + 8) + 128 :][:48] for row in range(2)]
    written = [[(half < 128).any() for half in np.split(row[:, 4:-4], 2, axis=1)] for row in below]
    assert written == [[False, True], [False, True]]
    assert (below[0][24:] == 255).all()  # It has a line, the other two.
    assert (below[1][24:] < 128).any()
    for margin in (picture[:, 136:144], picture[:, -8:]):  # The long one stays in its column.
        assert (margin == 255).all()


def test_a_picture_is_written_whole_and_leaves_no_part(tmp_path):
    report.save_picture(Image.new("RGB", (3, 2), "red"), tmp_path / "new/red.png")
    with Image.open(tmp_path / "new/red.png") as picture:
        assert picture.size == (3, 2)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["red.png"]


def shown(role, images, source=None):
    """Returns the one picture of a column."""
    tasks = {
        "translate": Pairs((PixelFormat(1, "uint8", (0, 255)), PixelFormat(3, "uint8", (0, 255))))
    }
    column = Column(role, "translate", images, source)
    ((picture,),) = report.columns([{"it": column}], tasks).values()
    return picture


def test_ids_have_colours_of_their_own_and_nothing_is_black():
    ids = np.array([0, 1, 2, 33_000, 33_001, 2**31 - 1], "int32").reshape(1, 2, 3, 1)
    picture = shown("instances", ids).reshape(-1, 3)
    assert (picture.dtype, picture[0].tolist()) == ("uint8", [0, 0, 0])
    assert picture[1:].min() >= 64
    apart = np.abs(picture[:, None].astype(int) - picture[None]).max(axis=-1)
    assert apart[~np.eye(6, dtype=bool)].min() > 30
    np.testing.assert_array_equal(
        shown("instances", ids[:, :, ::-1]), shown("instances", ids)[:, ::-1]
    )


def test_a_mask_is_black_to_white():
    picture = shown("mask", np.array([0.0, 0.5, 1.0], "float32").reshape(1, 1, 3, 1))
    assert np.asarray(picture[0]).tolist() == [[0, 0, 0], [128, 128, 128], [255, 255, 255]]


def test_hints_are_shown_on_their_source_where_there_are_any():
    source = np.zeros((1, 1, 2, 1), "float32")
    red = [1.0, -1.0, -1.0]
    hints = np.array([[*red, 1.0], [*red, 0.0]], "float32").reshape(1, 1, 2, 4)
    assert shown("hints", hints, source)[0].tolist() == [[255, 0, 0], [128, 128, 128]]


def test_the_baseline_is_the_l1_to_the_mean_of_the_training_targets():
    random = np.random.default_rng(3)
    training, held_out = random.uniform(-1, 1, (2, 5, 4, 4, 3))
    batches = [(None, training[:2]), (None, training[2:])]
    expected = np.mean([np.abs(image - training.mean(0)).mean() for image in held_out])
    assert metrics.mean_image_l1(batches, [(None, held_out)]) == pytest.approx(expected)
