import json
import re

import numpy as np
import pytest
import tensorflow as tf

from serving.client import control_files as client_files
from serving.client.failures import BadArgument, BadImage
from tests.cases.directions import controlled_direction
from tfpix2pix import InputError, atomic, inference, translation
from tfpix2pix.data import codecs, images
from tfpix2pix.inference import Control
from tfpix2pix.translation.value_files import ValueFolder, read_value

RANDOM = np.random.default_rng(0)
PALETTE = {"sky": [0, 0, 255], "sea": [0, 255, 0], "sand": [255, 255, 0]}
CLASSES = np.array([[0, 2, 1], [2, 2, 0]])
COLORS = np.array(list(PALETTE.values()), "uint8")[CLASSES]


def control(shape, dtype="float32", **about):
    return Control("map", tf.TensorSpec(shape, dtype), about=about)


def described(one):
    """Returns what a card says of a control."""
    shape = list(one.spec.shape)
    return {"name": one.name, "dtype": one.spec.dtype.name, "shape": shape, "about": one.about}


def refused(message, kind=InputError):
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


GREY = RANDOM.integers(0, 256, (4, 5, 1)).astype("uint8")
DEEP = RANDOM.integers(0, 65536, (4, 5, 1)).astype("uint16")
COLOR = RANDOM.integers(0, 256, (4, 5, 3)).astype("uint8")
FLOATS = RANDOM.uniform(-1, 1, (4, 5, 2)).astype("float32")


@pytest.mark.parametrize(
    ("content", "suffix", "one", "expected"),
    [
        (GREY, ".png", control((None, None, 1), "int32"), GREY),
        (DEEP, ".png", control((None, None, 1), "int32"), DEEP),
        (GREY, ".png", control((None, None, 1)), GREY / 255 * 2.0 - 1),
        (DEEP, ".png", control((None, None, 1), range=[0, 1]), DEEP / 65535),
        (COLOR, ".png", control((None, None, 3), palette=PALETTE), COLOR / 255 * 2.0 - 1),
        (COLORS, ".png", control((None, None, 1), "int32", palette=PALETTE), CLASSES[..., None]),
        (COLORS, ".png", control((None, None, 3 + 1), palette={**PALETTE, "x": [9, 9, 9]}), None),
        (FLOATS, ".npy", control((None, None, 2)), FLOATS),
        (FLOATS[..., 0], ".npy", control((None, None, 1)), FLOATS[..., :1]),
        (np.array([True, False]), ".npy", control((2,), "bool"), [True, False]),
        (np.float32(0.5), ".npy", control(()), 0.5),
        ([[0.5], [1]], ".json", control((2, 1)), [[0.5], [1]]),
    ],
)
def test_library_and_client_read_the_same_values(tmp_path, content, suffix, one, expected):
    file = tmp_path / f"a{suffix}"
    if suffix == ".png":
        codecs.write(content, file)
    elif suffix == ".npy":
        np.save(file, content)
    else:
        file.write_text(json.dumps(content), "utf-8")
    if expected is None:
        expected = np.eye(4)[CLASSES]
    value = read_value(file, one)
    np.testing.assert_allclose(value, expected, atol=1e-6)
    by_client = client_files.read_value(file, described(one))
    assert np.shape(by_client) == np.shape(value)
    np.testing.assert_allclose(by_client, value, atol=1e-6)


def test_what_holds_no_value_is_refused(tmp_path):
    one = control((None, None, 1), "int32", palette=PALETTE)
    codecs.write(COLOR[:1, :1], tmp_path / "a.png")
    (tmp_path / "a.json").write_text("[1", "utf-8")
    (tmp_path / "a.npy").write_bytes(b"broken")
    received = COLOR[0, 0].tolist()
    reasons = {
        "a.png": f"Colours must be those of sky, sea, sand. Received: {received}. Correct them",
        "a.json": "Expecting ',' delimiter: line 1 column 3 (char 2)",
    }
    for name, reason in reasons.items():
        file = tmp_path / name
        with refused(
            f"The value of a control must be a PNG, NPY or JSON file. Received: {str(file)!r} for "
            f"'map': {reason}. Replace it."
        ):
            read_value(file, one)
        with refused(
            "The control map must be in a PNG, NPY or JSON file. Received: INVALID_ARGUMENT: "
            f"{file}: {reason}. Replace the file.",
            BadImage,
        ):
            client_files.read_value(file, described(one))
    with pytest.raises(InputError, match=r"^The value of a control must be a PNG, NPY or JSON"):
        read_value(tmp_path / "a.npy", one)
    with pytest.raises(BadImage, match=r"a\.npy: it is no NPY file\. Replace the file\.$"):
        client_files.read_value(tmp_path / "a.npy", described(one))
    codecs.write(DEEP.repeat(3, -1), tmp_path / "deep.png")
    with pytest.raises(BadImage, match="it has more than 8 bits of colour, which NPY files can"):
        client_files.read_value(tmp_path / "deep.png", described(one))


def test_missing_and_ambiguous_files_are_named_before_anything_is_done(tmp_path):
    for name in ("a.png", "a.json", "in/b.npy"):
        atomic.write_bytes(b"", tmp_path / name)
    found = {"in/b": tmp_path / "in/b.npy"}
    assert ValueFolder(control(()), tmp_path).files(["in/b"]) == found
    assert client_files.files_by_name("map", tmp_path, ["in/b"]) == found
    rule = "Each image must have one file with a value of the control 'map', of its name or stem"
    message = (
        f"{rule} and with .png, .npy, .json, .jpg, .jpeg, .webp, .bmp, .tif, .tiff. Received: in "
        f"{str(tmp_path)!r} a.png and a.json for a, none for 0, none for 1, none for 2, none for 3 "
        "and 1 more. Add or remove files."
    )
    names = ["a", "in/b", *"01234"]
    with refused(message):
        ValueFolder(control(()), tmp_path).files(names)
    with refused(message, BadArgument):
        client_files.files_by_name("map", tmp_path, names)


def test_each_file_has_values_of_its_own(tmp_path):
    direction = controlled_direction()
    hints = {}
    for name, size in (("a", (6, 8)), ("in/b", (4, 10))):
        codecs.write(
            RANDOM.integers(0, 256, (*size, 3)).astype("uint8"), f"{tmp_path}/x/{name}.png"
        )
        hints[name] = RANDOM.uniform(-1, 1, (*size, 4)).astype("float32")
        (tmp_path / "hints" / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / f"hints/{name}.npy", hints[name])
    (tmp_path / "season.json").write_text("1", "utf-8")
    controls = {"hints": tmp_path / "hints", "season": tmp_path / "season.json"}
    translator = translation.direction_translator(direction, controls=controls)
    done = translation.translate_files(translator, tmp_path / "x", tmp_path / "y")
    assert (done.written, done.failures) == (2, {})
    for name, values in hints.items():
        source = images.to_signed(codecs.read(tmp_path / f"x/{name}.png"))[tf.newaxis]
        expected = inference.translate_in(direction, source, {"hints": values, "season": 1})
        output = codecs.read(tmp_path / f"y/{name}.png").astype(int)
        assert np.abs(output - images.to_pixels(expected)[0]).max() <= 1
    np.save(tmp_path / "hints/a.npy", hints["in/b"])
    done = translation.translate_files(translator, tmp_path / "x", tmp_path / "y", overwrite=True)
    assert done.written == 1
    (reason,) = done.failures.values()
    assert reason == (
        "The control 'hints' must have the shape (1, 6, 8, 4) for these images. Received: "
        "(1, 4, 10, 4). Give a value for each image."
    )


def test_files_of_a_scene_share_a_stem_and_never_by_guess(tmp_path):
    names = ["ulm/ulm_000_019_gtFine_labelIds", "ulm/ulm_001_019_gtFine_labelIds"]
    files = [tmp_path / f"ulm/ulm_00{k}_019_gtFine_instanceIds.png" for k in range(3)]
    for file in files:
        atomic.write_bytes(b"", file)
    expected = dict(zip(names, files))
    assert ValueFolder(control(()), tmp_path).files(names) == expected
    assert client_files.files_by_name("map", tmp_path, names) == expected
    # A number is what tells examples apart, so that "sea_8" is no partner of "sea_7".
    atomic.write_bytes(b"", tmp_path / "sea_8.png")
    of_number = r"Received: in '.*' none for sea_7\. Add or remove files\.$"
    with pytest.raises(InputError, match=of_number):
        ValueFolder(control(()), tmp_path).files(["sea_7"])
    with pytest.raises(BadArgument, match=of_number):
        client_files.files_by_name("map", tmp_path, ["sea_7"])
    # Two files of one stem are named, whichever would have been first.
    atomic.write_bytes(b"", tmp_path / "ulm/ulm_000_019_gtFine_color.png")
    with pytest.raises(InputError, match=r"Received: .*color\.png, .*instanceIds\.png, which all"):
        ValueFolder(control(()), tmp_path).files(names)
    with pytest.raises(BadArgument, match=r"color\.png and .*instanceIds\.png for ulm/ulm_000"):
        client_files.files_by_name("map", tmp_path, names)


def test_photos_are_values_of_images_and_not_of_maps(tmp_path):
    pixels = np.full((8, 8, 3), (200, 100, 50), "uint8")
    file = tmp_path / "photo.jpg"
    codecs.write(pixels, file)
    photo = control((None, None, 3), kind="image", range=[-1.0, 1.0])
    expected = codecs.read(file) / 127.5 - 1
    np.testing.assert_allclose(read_value(file, photo), expected, atol=1e-6)
    np.testing.assert_allclose(client_files.read_value(file, described(photo)), expected, atol=1e-6)
    lost = r"photo\.jpg('.*)?: it may have lost what a map's numbers are\. Replace"
    number = control(())
    for read, value in ((read_value, number), (client_files.read_value, described(number))):
        with pytest.raises((InputError, BadImage), match=lost):
            read(file, value)
