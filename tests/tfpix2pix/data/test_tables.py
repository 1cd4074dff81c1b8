import re

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix import InputError
from tfpix2pix.data import codecs, pipeline, sources
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.data.tables import Table, read_table, with_rows


def write_numbered(folder, count):
    """Writes photos of one colour each: the n-th has the value 10 n."""
    for index in range(count):
        codecs.write(np.full((8, 8, 3), 10 * index, "uint8"), folder / f"{index}.png")


def test_rows_follow_their_images_through_training_and_evaluation(tmp_path):
    write_numbered(tmp_path / "train", 5)
    lines = ["image,tenth,split,minus", *(f"{i},{i / 10},x,{-i}" for i in reversed(range(5)))]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    photos = with_rows(sources.photos(tmp_path), read_table(tmp_path / "rows.csv"))
    assert photos.columns == ("tenth", "minus")
    pairs = photos._replace(
        read=lambda index: photos.read(index) * 2,
        formats=photos.formats * 2,
        sizes=np.repeat(photos.sizes, 2, axis=1),
    )

    def check(batches):
        for image, _, rows in batches:
            number = (image[:, 0, 0, :1] + 1) * 12.75
            np.testing.assert_allclose(rows, tf.concat([number / 10, -number], -1), atol=1e-5)

    check(pipeline.training_batches(pairs, Geometry((4, 4)), batch_size=2).take(6))
    check(pipeline.evaluation_batches(pairs, Geometry((4, 4)), batch_size=2))
    few = pairs.spread(3)
    assert few.rows[:, 1].tolist() == [0, -2, -4]
    check(pipeline.evaluation_batches(few, Geometry((4, 4))))


def test_the_rows_of_two_domains_come_after_both_images(tmp_path):
    write_numbered(tmp_path / "trainA", 3)
    write_numbered(tmp_path / "trainB", 4)
    rows = {str(index): np.array([index], "float32") for index in range(4)}
    domains = [with_rows(d, Table(("number",), rows)) for d in sources.unpaired(tmp_path)]
    batches = pipeline.unpaired_batches(domains, Geometry((4, 4)), batch_size=2)
    still = pipeline.unpaired_evaluation_batches(domains, Geometry((4, 4)))
    for a, b, row_a, row_b in [*batches.take(5), *still]:
        for image, row in ((a, row_a), (b, row_b)):
            np.testing.assert_allclose((image[:, 0, 0, :1] + 1) * 12.75, row, atol=1e-5)


def test_examples_without_a_row_are_named(tmp_path):
    write_numbered(tmp_path, 3)
    rows = {"1.png": np.zeros(1, "float32")}
    message = (
        "Each example must have a row in the table. Received: 2 of 3 that have none: 0.png, 2.png. "
        "Name them in its first column, as files or without folder and suffix."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        with_rows(sources.photos(tmp_path), Table(("number",), rows))


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("name,age\n1,9\n2,old", "of 1 such columns, which lacks 2 in the column age"),
        ("name,age\n1,9\n2,nan", "of 1 such columns, which lacks 2 in the column age"),
        ("name,age\n1,old", "of 0 such columns, which lacks some"),
        ("name,age,sex\n1,9,1\n2,3", "of 2 such columns, which lacks 2 in the column sex"),
    ],
)
def test_tables_with_gaps_are_refused(tmp_path, text, received):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    message = (
        "A table must have columns of numbers behind its first one, which names the images, and a "
        f"number in each of their rows. Received: {str(path)!r} {received}. Fill in the numbers."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        read_table(path)


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    for name in ("empty.csv", "none.csv"):
        start = (
            "A table must be a CSV file with a first line of column names. Received: "
            f"{str(tmp_path / name)!r} ("
        )
        with pytest.raises(InputError, match=f"^{re.escape(start)}.*\\. Give such a file\\.$"):
            read_table(tmp_path / name)
