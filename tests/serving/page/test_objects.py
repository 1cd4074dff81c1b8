"""Which instance each pixel belongs to, on maps small enough to tell by eye."""

import numpy as np
import pytest

from serving.page.display import shown_palette
from serving.page.objects import Objects, Strokes, packed, unpacked
from serving.page.sketches import Convention, class_numbers, normalized, read, shown_file, write

PALETTE = {"sky": [0, 0, 0], "road": [1, 1, 1], "car": [2, 2, 2]}
CONVENTION = Convention((4, 4), "labels", background=(0, 0, 0), palette=PALETTE)
KNOWN = [7, 26_001, 70_000]
NEW = 70_001  # Above all ids of examples: first pixels of areas, then strokes.
STROKE = NEW + 16 - len(KNOWN) - 1


def source(classes):
    return np.repeat(np.array(classes, "uint8")[..., np.newaxis], 3, -1)


CARS = [
    [0, 2, 2, 0],
    [0, 0, 0, 2],
    [1, 1, 1, 1],
    [1, 0, 0, 1],
]


def test_areas_of_a_class_are_instances_but_the_background_is_one():
    ids = Objects(CONVENTION, KNOWN).ids(source(CARS), np.zeros((4, 4), int))
    a, b, road = NEW + 1, NEW + 7, NEW + 8  # Cars that touch at a corner are two.
    expected = [[0, a, a, 0], [0, 0, 0, b], [road] * 4, [road, 0, 0, road]]
    assert ids.dtype == "int32"
    assert ids.tolist() == expected


def test_each_stroke_is_an_instance_whatever_it_touches():
    objects = Objects(CONVENTION, KNOWN)
    classes = [[2, 2, 2, 2], [0, 0, 0, 0], [2, 1, 2, 0], [0, 0, 0, 0]]
    # The fifth stroke is beside the fourth; the seventh divides the sixth.
    marks = np.array([[4, 4, 5, 5], [0, 0, 0, 0], [6, 7, 6, 0], [0, 0, 0, 0]])
    fourth, fifth, sixth, seventh = (STROKE + number for number in (4, 5, 6, 7))
    ids = objects.ids(source(classes), marks)
    assert ids.tolist() == [
        [fourth, fourth, fifth, fifth],
        [0, 0, 0, 0],
        [sixth, seventh, sixth, 0],
        [0, 0, 0, 0],
    ]
    assert fourth == NEW + 16  # Beyond the areas of 16 pixels.


def test_an_example_keeps_its_ids_where_nothing_is_painted_over():
    objects = Objects(CONVENTION, KNOWN)
    own = np.array([[7, 7, 7, 7]] * 2 + [[26_001, 7, 70_000, 70_000]] * 2)
    marks = unpacked(objects.marks({"instances": own[..., np.newaxis].tolist()}), (4, 4))
    assert marks.tolist() == [[1, 1, 1, 1]] * 2 + [[2, 1, 3, 3]] * 2
    np.testing.assert_array_equal(objects.ids(source(CARS), marks), own)
    marks[2, 3] = 9
    marks[3, 3] = 0  # Erased: background.
    edited = np.array(own)
    edited[2, 3] = STROKE + 9
    edited[3, 3] = 0
    classes = np.array(CARS)
    classes[3, 3] = 0
    np.testing.assert_array_equal(objects.ids(source(classes), marks), edited)
    assert objects.marks({}) is None


def test_ids_stay_as_they_are_whatever_is_painted_elsewhere():
    objects = Objects(CONVENTION, KNOWN)
    before = objects.ids(source(CARS), np.zeros((4, 4), int))
    classes = np.array(CARS)
    marks = np.zeros((4, 4), int)
    classes[0, 2], marks[0, 2] = 1, 4
    after = objects.ids(source(classes), marks)
    np.testing.assert_array_equal(after[marks == 0], before[marks == 0])
    assert after[0, 2] == STROKE + 4


def test_ids_at_the_end_of_their_range_count_on_from_zero():
    objects = Objects(CONVENTION, [2**31 - 1])
    marks = np.array([[1, 2, 0, 0]] * 4)
    ids = objects.ids(source([[0, 2, 0, 0]] * 4), marks)
    assert ids[0].tolist() == [2**31 - 1, 16, 0, 0]


def test_a_drawing_without_classes_has_its_strokes():
    objects = Objects(Convention((2, 2)))
    ids = objects.ids(np.full((2, 2, 3), 90, "uint8"), np.array([[0, 1], [0, 2]]))
    assert ids.tolist() == [[0, 5], [0, 6]]


def test_chosen_appearances_are_those_of_their_objects():
    objects = Objects(CONVENTION, KNOWN, ["one", "two", "three"], -100)
    marks = np.array([[4, 4, 1, 1]] * 4)
    strokes = Strokes(packed(marks), {})
    drawn = source([[2, 2, 1, 1]] * 4)
    car = STROKE + 4
    controls = objects.controls(drawn, strokes)
    assert controls == {"instances": [[[car], [car], [7], [7]]] * 4}
    assert objects.sample(controls, strokes, 5) == {}
    strokes = Strokes(strokes.marks, {str(car): 2, "12": 1})  # JSON has keys of text.
    controls = objects.controls(drawn, strokes)
    assert controls["appearance"] == [[[2], [2], [0], [0]]] * 4
    sample = objects.sample(controls, strokes, 205)
    assert sample == {"appearance": [[[2], [2], [-6], [-6]]] * 4}
    shown = objects.shown(drawn, controls)
    assert (shown["ids"], shown["names"]) == ([7, car], ["road", "car"])
    assert unpacked(shown["places"], (4, 4)).tolist() == [[1, 1, 0, 0]] * 4


def test_marks_of_a_larger_canvas_fit_the_model():
    marks = np.array([[0, 70_000], [2**24 - 1, 5]])
    assert unpacked(packed(marks.repeat(4, 0).repeat(4, 1)), (2, 2)).tolist() == marks.tolist()


CONTROLS = [
    {"name": "instances", "about": {"kind": "map"}},
    {"name": "appearance", "about": {"names": ["a", "b"], "range": [-9, 1]}},
]


def test_the_card_says_whether_there_are_objects():
    examples = [{"instances": [[[9]]]}, {}, {"instances": [[[4]], [[9]]]}]
    objects = Objects.from_card(CONTROLS, CONVENTION, examples)
    assert (objects.known, objects.appearances, objects.chance) == ([4, 9], ["a", "b"], -9)
    assert Objects.from_card(CONTROLS[:1], CONVENTION, []).appearances == []
    assert Objects.from_card(CONTROLS[1:], CONVENTION, []) is None
    assert Objects.from_card([{"name": "instances", "about": {}}], CONVENTION, []) is None


def test_numbers_of_classes_are_shown_in_colours_and_sent_as_numbers():
    colors = np.array(list(shown_palette(PALETTE).values()))
    differences = np.abs(colors[:, np.newaxis] - colors).max(-1) + 255 * np.eye(3, dtype=int)
    assert differences.min() > 100
    numbers = source(CARS)
    shown = read(shown_file(write(numbers), CONVENTION))
    np.testing.assert_array_equal(shown[..., :3], colors[CARS])
    for scale in (1, 3):
        drawn = shown.repeat(scale, 0).repeat(scale, 1)
        np.testing.assert_array_equal(normalized(drawn, CONVENTION), numbers)
    drawn = np.dstack([numbers, np.full((4, 4), 255, "uint8")])
    np.testing.assert_array_equal(normalized(drawn, CONVENTION), numbers)
    np.testing.assert_array_equal(class_numbers(numbers, CONVENTION), CARS)


@pytest.mark.parametrize("count", [2, 35, 200])
def test_colours_of_many_classes_differ(count):
    palette = {str(number): [number] * 3 for number in range(count)}
    assert len({tuple(color) for color in shown_palette(palette).values()}) == count


def test_colours_that_differ_are_shown_as_they_are():
    for palette in (
        {"off": [0, 0, 0], "on": [255, 255, 255]},
        {"sky": [0, 0, 100], "sea": [0, 0, 101]},
        {},
    ):
        assert shown_palette(palette) == palette
        encoded = write(np.zeros((1, 1, 3), "uint8"))
        assert shown_file(encoded, Convention(palette=palette)) is encoded
