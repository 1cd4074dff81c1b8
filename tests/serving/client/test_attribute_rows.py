"""The client's vectors of attributes are the library's, from which it may not import."""

import pytest

from serving.client import attribute_rows
from serving.client.failures import BadArgument, BadImage
from tfpix2pix import InputError, atomic
from tfpix2pix.data import attributes

COLUMNS = {"hair": ("blue", "green", "red"), "age": (20.0, 30.0)}


@pytest.mark.parametrize(
    "values",
    [{}, {"hair": "red", "age": None}, {"age": 27.5, "hair": "blue"}, {"age": 20}, {"age": 30.0}],
)
def test_vectors_are_the_library_s(values):
    expected = attributes.attribute_vector(COLUMNS, values)
    assert attribute_rows.attribute_vector(COLUMNS, values) == expected


@pytest.mark.parametrize(
    "values",
    [{"eyes": "red"}, {"hair": "plaid"}, *({"age": x} for x in (31, float("nan"), "old", True))],
)
def test_refusals_are_the_library_s(values):
    with pytest.raises(InputError) as theirs:
        attributes.attribute_vector(COLUMNS, values)
    with pytest.raises(BadArgument) as ours:
        attribute_rows.attribute_vector(COLUMNS, values)
    assert str(ours.value) == str(theirs.value)


def test_rows_of_a_table_are_the_library_s(tmp_path):
    table = tmp_path / "looks.csv"
    text = "\ufeffimage,hair,age,shoes\ntrainB/1.png, red ,,x\ntrainB/2.png,,25,y\n\n3,blue,20,x\n"
    atomic.write_bytes(text.encode(), table)
    for name in ("trainB/1.png", "trainB/2.png", "3"):
        row = tmp_path / f"looks.csv:{name}"
        known = {k: v for k, v in attributes.named_row(row).items() if k in COLUMNS}
        assert attribute_rows.named_row(row, COLUMNS) == known
    with pytest.raises(BadImage, match=r"Write the name as it stands in the first column\."):
        attribute_rows.named_row(tmp_path / "looks.csv:trainB/9.png", COLUMNS)
