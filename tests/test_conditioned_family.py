"""TwinGAN by attributes and codes passes the checks of its family; its controls are clear."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from serving.client.control_files import files_by_name, read_value
from serving.client.failures import BadArgument, BadImage
from serving.client.selections import control_value
from tests.cases.families import twingan
from tfpix2pix import InputError, runs, testing
from tfpix2pix.families import get_family, preset, style_control
from tfpix2pix.families.attributed import control as control_of
from tfpix2pix.families.twingan import vectors_of
from tfpix2pix.families.twingan_options import TwinGANConfig
from tfpix2pix.inference.controls import control_batch
from tfpix2pix.translation import value_files
from training import conformance
from training.engine import loop

HAIR = ["red", "blue", "", "red"]
AGES = ["7", "", "9", "8.5"]
NAMES = ["trainB/0", "trainB/1.png", "trainB/2.png", "testB/0.png"]
NOISELESS = {"norm": "instance", "minibatch_deviation": False, "learning_rates": "equalized"}


def attributed(folder, **options):
    """The tiny TwinGAN with attributes of B, of which some are not known."""
    config = twingan(folder / "data", **options)
    file = folder / "looks.csv"
    with open(file, "w", newline="") as stream:
        csv.writer(stream).writerows([("image", "hair", "age"), *zip(NAMES, HAIR, AGES)])
    return with_table(config, file)


def with_table(config, file):
    return dataclasses.replace(
        config, data=dataclasses.replace(config.data, attributes=file and str(file))
    )


CHECKS = [*testing.checks(preset("twingan_tiny")), *conformance.CHECKS]


@pytest.fixture(scope="module")
def case(tmp_path_factory, mirrored):
    folder = tmp_path_factory.mktemp("attributed")
    # Two replicas draw other codes. By some seeds a norm makes much of the least difference.
    noiseless = attributed(folder / "noiseless", attribute_dropout=0.0, **NOISELESS)
    noiseless = dataclasses.replace(noiseless, train=dataclasses.replace(noiseless.train, seed=5))
    options = {"loop": loop, "replicas": mirrored, "noiseless": noiseless}
    return testing.Case(attributed(folder, style_code=3), folder / "checks", **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_a_family_with_attributes_and_codes(case, name):
    if name in conformance.CHECKS:
        conformance.CHECKS[name].run(case)
    else:
        testing.check(case, name)


@pytest.mark.slow
def test_one_request_asks_for_attributes_a_style_a_direction_and_chance(case):
    run = case.run
    forth, back = run.directions.values()
    assert [control.name for control in forth.controls] == ["attributes", "style", "seed"]
    assert [control.name for control in back.controls] == ["style", "seed"]
    pixels = case.pixels(forth)
    plain = run.translate(pixels, "AtoB")
    red = run.translate(pixels, "AtoB", attributes={"hair": "red"})
    like = run.translate(pixels, attributes=Path(f"{run.config.data.attributes}:trainB/1.png"))
    np.testing.assert_array_equal(like, run.translate(pixels, attributes={"hair": "blue"}))
    assert (red != plain).any()
    assert (red != like).any()
    first, second = run.translate(pixels, samples=2, seed=5)
    assert (first != second).any()
    np.testing.assert_array_equal(run.translate(pixels, seed=5, samples=1)[0], first)
    style = {"style": [0.0, 1.0, -2.0]}
    both = run.translate(pixels, attributes={"hair": "red"}, **style)
    assert (both != red).any()
    fixed = run.translate(pixels, samples=2, seed=5, attributes={"hair": "red"}, **style)
    np.testing.assert_array_equal(fixed, [both, both])
    first, second = run.translate(pixels, "BtoA", samples=2, seed=5)
    assert (first != second).any()
    for asked, message in (
        ({"eyes": "red"}, "An attribute must be one of hair, age. Received: 'eyes'. "),
        ({"age": 6}, "The attribute 'age' must be a number from 7 to 9. Received: 6. "),
    ):
        with pytest.raises(InputError) as caught:
            run.translate(pixels, attributes=asked)
        assert str(caught.value).startswith(message)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A configuration as a training records it, and its folder."""
    folder = tmp_path_factory.mktemp("recorded")
    config = attributed(folder)
    feed = get_family(config.family).feed
    return feed.completed(config, feed.examples(config, "train")), folder


def test_a_training_records_what_attributes_there_are(trained, tmp_path):
    config, _ = trained
    assert config.model.attributes == {"hair": ("blue", "red"), "age": (7.0, 9.0)}
    assert config.model.attributed == ("B",)
    runs.save_config(config, tmp_path)
    assert runs.load_config(tmp_path) == config
    feed = get_family(config.family).feed
    a, b = feed.examples(config, "held_out")
    assert a.rows is None
    assert b.rows.tolist() == [[0, 1, 0.5, 1], [0] * 4, [0] * 4]


def test_a_table_that_names_what_is_not_there_is_refused(trained):
    config, folder = trained
    file = folder / "other.csv"
    file.write_text("image,hair\ntrainB/0,red\ntrainB/77.png,blue\n1.png,red")
    model = dataclasses.replace(config.model, attributes=None, attributed=())
    fresh = dataclasses.replace(with_table(config, file), model=model)
    feed = get_family(config.family).feed
    with pytest.raises(InputError) as caught:
        feed.examples(with_table(config, None), "train")
    assert str(caught.value) == (
        "A model of attributes reads them from a table. Received: none, and attributes of B. Set "
        "`data.attributes`."
    )
    with pytest.raises(InputError) as caught:
        feed.examples(fresh, "train")
    assert str(caught.value) == (
        "Each row of the attributes must name one image of the data, with its folder where others "
        "have the same name. Received: no image called trainB/77.png and several called 1.png. "
        "Write names such as testA/0.png."
    )


@pytest.fixture(scope="module")
def controls(trained):
    """The control as the library has it, and as a model card tells it."""
    made = control_of(trained[0].model.attributes)
    told = {"name": made.name, "dtype": "float32", "shape": [4], "about": made.about}
    return made, told


@pytest.mark.parametrize(
    ("asked", "vector"),
    [
        ({"hair": "red"}, [0, 1, 0, 0]),
        ({"age": 7.5, "hair": None}, [0, 0, -0.5, 1]),
        ([0, 0.5, 1, 1], [0, 0.5, 1, 1]),
    ],
)
def test_client_and_library_make_the_same_vectors(controls, asked, vector):
    control, told = controls
    assert control_batch(control, asked, 2).numpy().tolist() == [vector] * 2
    assert control_value(told, asked).leaves == vector


def test_each_image_may_have_attributes_of_its_own(controls):
    batch = control_batch(controls[0], [{"hair": "red"}, {"age": 9}], 2)
    assert batch.numpy().tolist() == [[0, 1, 0, 0], [0, 0, 1, 1]]


@pytest.mark.parametrize("asked", [{"hair": "plaid"}, {"age": float("nan")}, {"nose": 1}])
def test_client_and_library_refuse_the_same(controls, asked):
    control, told = controls
    with pytest.raises(InputError) as ours:
        control_batch(control, asked, 1)
    with pytest.raises(BadArgument) as theirs:
        control_value(told, asked)
    assert str(theirs.value) == str(ours.value)


@pytest.mark.parametrize("wrong", [float("nan"), 1.5])
def test_a_graph_refuses_vectors_of_what_is_not_from_minus_1_to_1(controls, wrong):
    rule = "A vector of attributes must be of numbers from -1 to 1. Received: "
    with pytest.raises(Exception, match=rule):
        controls[0].prepared(np.float32([[0, 0, wrong, 1]]), None)


def test_a_row_of_a_table_is_one_value_for_all_files(controls, trained):
    control, told = controls
    row = Path(f"{trained[0].data.attributes}:testB/0.png")
    assert files_by_name("attributes", row, ["1", "2"]) == {"1": row, "2": row}
    values = read_value(row, told)
    assert values == value_files.read_value(row, control) == {"hair": "red", "age": 8.5}
    with pytest.raises(BadImage, match="Attributes must be in a CSV file with a row of the image"):
        read_value(row.with_name(f"{row.name}x"), told)


def test_what_is_drawn_has_one_word_of_each_column_and_a_number(controls):
    draws = [controls[0].sample((7, n), np.zeros((2, 8, 8, 3))).numpy() for n in range(40)]
    for first, second in draws:
        np.testing.assert_array_equal(first, second)
        assert sorted(first[:2]) == [0, 1]
        assert -1 <= first[2] <= 1 == first[3]
    assert {tuple(first[:2]) for first, _ in draws} == {(0, 1), (1, 0)}
    assert np.std([first[2] for first, _ in draws]) > 0.3


def test_codes_are_drawn_from_the_normal_distribution_and_a_neutral_one_is_as_long():
    style = style_control.control(4)
    source = np.zeros((2, 8, 8, 3))
    draws = np.array([style.sample((7, number), source) for number in range(200)])
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])
    assert abs(draws.mean()) < 0.2
    assert 0.8 < draws.std() < 1.2
    assert np.square(style.neutral(source)).sum(-1).tolist() == [4, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"style_code": -1},
            "`style_code` must be 0 for one style, or the length of codes. Received: -1. Use 8.",
        ),
        (
            {"attribute_dropout": 1.0},
            "`attribute_dropout` must be a share from 0 to less than 1. Received: 1.0. Use 0.1.",
        ),
    ],
)
def test_lengths_and_shares_that_make_no_vectors_are_refused(options, message):
    with pytest.raises(InputError) as caught:
        vectors_of(TwinGANConfig(**options))
    assert str(caught.value) == message
