"""Attributes: tables as people write them, their vectors, and what is refused of them."""

from pathlib import Path

import numpy as np
import pytest

from tfpix2pix import InputError
from tfpix2pix.data import attributes, codecs, sources

TEXT = """image, hair,age
trainB/0.png,red,20
1.png,blue,
"trainB/2",,30

trainB/3.png,green,25
"""
COLUMNS = {"hair": ("blue", "green", "red"), "age": (20.0, 30.0)}


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "looks.csv"
    path.write_text("\ufeff" + TEXT, "utf-8")  # As Excel writes it.
    return path


def refused(make, *arguments):
    with pytest.raises(InputError) as caught:
        make(*arguments)
    return str(caught.value)


def test_cells_are_words_numbers_or_nothing(table):
    read = attributes.read_attributes(table)
    assert read.columns == COLUMNS
    assert read.rows["1.png"] == {"hair": "blue"}
    assert read.rows["trainB/2"] == {"age": 30.0}


def test_vectors_have_a_place_for_each_word_and_two_for_a_number():
    assert attributes.lengths(COLUMNS) == (3, 2)
    for values, vector in (
        ({}, [0, 0, 0, 0, 0]),
        ({"hair": "red", "age": None}, [0, 0, 1, 0, 0]),
        ({"age": 20}, [0, 0, 0, -1, 1]),
        ({"age": np.float32(27.5), "hair": "blue"}, [1, 0, 0, 0.5, 1]),
    ):
        assert attributes.attribute_vector(COLUMNS, values) == vector


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"eyes": "red"},
            "An attribute must be one of hair, age. Received: 'eyes'. Correct the name, or leave "
            "it out.",
        ),
        (
            {"hair": "plaid"},
            "The attribute 'hair' must be one of blue, green, red. Received: 'plaid'. Use one of "
            "them, or leave it out.",
        ),
        *(
            (
                {"age": value},
                "The attribute 'age' must be a number from 20 to 30. Received: "
                f"{value!r}. Use one of these, or leave it out.",
            )
            for value in (31, float("nan"), "old", True)
        ),
    ],
)
def test_what_no_image_can_have_is_refused(values, message):
    assert refused(attributes.attribute_vector, COLUMNS, values) == message


RULE = (
    "Attributes must be a CSV file: a first line of column names, then in each row the name of an "
    "image, and words or finite numbers, or nothing where it is not known. Received: {path!r} "
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("image,age\n1,7\n1,8", "with the row '1' twice. Correct it."),
        ("image,age,age\n1,7,8", "with the column 'age' twice. Correct it."),
        ("image,age\n1,7\n2", "with 1 cells of '2'. Correct it."),
        ("image,age", "with 1 columns and 0 rows. Correct it."),
        ("image,age\n1,nan\n2,3", "with nan in the column 'age'. Correct it, or leave it empty."),
    ],
)
def test_a_table_that_says_nothing_clear_is_refused(tmp_path, text, reason):
    path = tmp_path / "looks.csv"
    path.write_text(text)
    assert refused(attributes.read_attributes, path) == RULE.format(path=str(path)) + reason


def test_a_missing_file_and_columns_of_one_value_or_of_names_are_refused(tmp_path):
    path = tmp_path / "looks.csv"
    message = refused(attributes.read_attributes, path)
    reason = f"([Errno 2] No such file or directory: {str(path)!r}). Give such a file."
    assert message == RULE.format(path=str(path)) + reason
    for cells, count in ((["x"] * 70, 1), ([f"name {i}" for i in range(70)], 70)):
        path.write_text("\n".join(["image,who", *(f"{i},{cell}" for i, cell in enumerate(cells))]))
        assert refused(attributes.read_attributes, path) == (
            "Each attribute must have two values at least, and at most 64 words. Received: "
            f"{count} of the column 'who' in {str(path)!r}. Remove the column, or group its words."
        )


def test_rows_go_to_the_images_that_they_name_and_what_is_not_known_is_said(tmp_path, table):
    for index in range(5):
        codecs.write(np.zeros((4, 4, 3), "uint8"), tmp_path / f"data/trainB/{index}.png")
    codecs.write(np.zeros((4, 4, 3), "uint8"), tmp_path / "data/trainA/a.png")
    _, b = sources.unpaired(tmp_path / "data")
    named = attributes.with_vectors(b, attributes.read_attributes(table), COLUMNS)
    assert named.columns == ("hair", "age")
    assert named.rows.dtype == "float32"
    assert named.rows.tolist() == [
        [0, 0, 1, -1, 1],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 1, 1],
        [0, 1, 0, 0, 1],
        [0, 0, 0, 0, 0],
    ]
    assert named.notes == (
        "Attributes are not known of all 5 images such as trainB/0.png: hair of 2, age of 2.",
    )


def test_rows_of_no_image_or_of_several_are_refused(table):
    read = attributes.read_attributes(table)
    names = [f"trainB/{index}.png" for index in (0, 1, 3)]
    attributes.check_names(read, [*names, "trainB/2.png", "testB/0.png"])
    assert refused(attributes.check_names, read, [*names, "testB/1.png"]) == (
        "Each row of the attributes must name one image of the data, with its folder where others "
        "have the same name. Received: no image called trainB/2 and several called 1.png. Write "
        "names such as trainB/0.png."
    )


def test_a_row_is_asked_for_by_its_name(table):
    path = Path(f"{table}:trainB/3.png")
    assert attributes.named_row(path) == {"hair": "green", "age": 25.0}
    assert refused(attributes.named_row, Path(f"{table}:4.png")) == (
        f"An image whose attributes are asked for must be in the first column of {table}. "
        "Received: '4.png'. Write it as it stands there."
    )
