import re

import numpy as np
import pytest
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data import sources


def save(path, width=8):
    Image.fromarray(np.zeros((4, width, 3), "uint8")).save(path)
    return path


def refuses(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def test_files_are_found_by_suffix_in_the_order_of_their_names(tmp_path):
    for name in ("b.PNG", "a.jpg", "c.jpeg"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    pairs = sources.side_by_side(tmp_path)
    assert pairs.files == [str(tmp_path / name) for name in ("a.jpg", "b.PNG", "c.jpeg")]


def test_a_split_is_taken_where_there_is_one(tmp_path):
    (tmp_path / "train").mkdir()
    assert sources.split_folder(tmp_path, "train") == tmp_path / "train"
    assert sources.split_folder(tmp_path, "test") == tmp_path


def test_no_folder_is_refused(tmp_path):
    for path, found in ((tmp_path / "none", "nothing"), (save(tmp_path / "a.png"), "a file")):
        message = (
            f"The data must be a folder of image pairs. Received: {str(path)!r}, where there is "
            f"{found}. Give the folder that holds the images or their `train` folder, and check "
            "the spelling."
        )
        with refuses(message):
            sources.split_folder(path, "train")


def test_an_empty_folder_is_refused(tmp_path):
    message = (
        "The data folder must contain image pairs as .jpg, .jpeg, .png, .bmp, .gif files, each "
        f"with A in its left and B in its right half. Received: {str(tmp_path)!r}, which has none. "
        "Give the folder that holds the files or its parent with `train` and `test`."
    )
    with refuses(message):
        sources.side_by_side(tmp_path)


def test_broken_and_odd_files_are_named(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(whole[: len(whole) // 2])
    save(tmp_path / "c.png", width=7)
    message = (
        "Every file must be a readable image of even width, A in its left and B in its right half. "
        f"Received 2 of 3 that are not: {tmp_path}/b.jpg cannot be decoded (image file is "
        "truncated (1 bytes not processed)); "
        f"{tmp_path}/c.png is 7 pixels wide. Replace or remove them."
    )
    with pytest.raises(InputError) as caught:
        sources.side_by_side(tmp_path)
    assert re.sub(r"\(\d+ bytes", "(1 bytes", str(caught.value)) == message


def test_only_the_first_of_many_faults_are_named(tmp_path):
    for index in range(8):
        (tmp_path / f"{index}.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"Received 8 of 8 .* and 3 more\. Replace or remove them"):
        sources.side_by_side(tmp_path)


def test_an_unknown_direction_is_refused(tmp_path):
    with refuses("`direction` must be 'AtoB' or 'BtoA'. Received: direction='B2A'."):
        sources.side_by_side(tmp_path, "B2A")
