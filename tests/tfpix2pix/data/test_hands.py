import numpy as np
from scipy import ndimage

from tfpix2pix.data import hands

SIDE = 96


def face():
    """A round outline between two posts, two strong marks in it and eight weak ones."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    labels = (np.abs(np.hypot(rows - 48, columns - 48) - 36) < 0.7).astype(int)
    labels[20:76, 4] = 2
    labels[20:76, 92] = 3
    marks = [(40, 34), (40, 58), *((60 + 6 * i, 30 + 10 * j) for i in range(2) for j in range(4))]
    for index, (row, column) in enumerate(marks, 4):
        labels[row, column : column + 6] = index
    return labels, np.where((labels == 4) | (labels == 5), 9, 2).astype("float32")


def drawn(labels, drawing):
    """Returns which of the lines a drawing has: most of their pixels are near ink."""
    near = ndimage.distance_transform_edt(drawing >= 128) < 3
    return {k for k in range(1, labels.max() + 1) if near[labels == k].mean() > 0.6}


def test_hands_draw_all_or_the_outline_with_or_without_eyes():
    labels, strength = face()
    random = np.random.default_rng(0)
    drawings = [drawn(labels, hands.redraw(labels, strength, random)) for _ in range(80)]
    outlines = sum(1 in drawing and drawing <= {1, 2, 3} for drawing in drawings)
    with_eyes = sum({1, 4, 5} <= drawing and len(drawing) < 10 for drawing in drawings)
    rich = sum(1 in drawing and len(drawing) >= 10 for drawing in drawings)
    assert min(outlines, with_eyes) >= 6
    assert rich >= 25
    assert sum(1 in drawing for drawing in drawings) >= 76


def test_an_outline_is_closed_where_its_line_has_gaps():
    labels, _ = face()
    open_line = labels == 1
    open_line[46:49] = False
    outline = hands._outline(open_line | (labels > 3))
    assert ndimage.label(~outline)[1] == 2  # Within and without.
    distance = ndimage.distance_transform_edt(labels != 1)
    assert distance[outline].max() < 3
    assert not (outline & (labels > 3)).any()


def test_lines_that_enclose_nothing_have_no_outline():
    lines = np.zeros((SIDE, SIDE), bool)
    lines[::24] = True
    assert hands._outline(lines) is None
    assert hands._outline(np.zeros((SIDE, SIDE), bool)) is None


def test_waves_are_smooth_and_of_deviation_one():
    random = np.random.default_rng(0)
    waves = np.stack([hands._waves((64, 48), 8.0, random) for _ in range(200)])
    assert abs(waves.mean()) < 0.05
    assert abs(waves.std() - 1) < 0.05
    assert np.abs(np.diff(waves, axis=1)).max() < 0.8


def test_no_lines_are_a_blank_page():
    labels = np.zeros((20, 30), int)
    drawing = hands.redraw(labels, labels.astype("float32"), np.random.default_rng(0))
    assert drawing.dtype == "uint8"
    assert (drawing == 255).all()
