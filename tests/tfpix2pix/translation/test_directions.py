import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix import InputError, inference, translation
from tfpix2pix.data import codecs, images

BEFORE = Path(__file__).parents[2] / "goldens/before_families.tar.xz"
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype("uint8")


@pytest.fixture
def directions(exported_directions):
    return exported_directions[0]


@pytest.fixture
def exports(exported_directions):
    return exported_directions[1] / "both"


def expected(direction, values, **options):
    source = images.to_signed(PIXELS)[tf.newaxis]
    translated = inference.translate_in(direction, source, values, **options)
    return images.to_pixels(translated).numpy().astype(int)


def refused(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


HINTS = np.full((6, 8, 4), 0.5, "float32").tolist()


# The server's tests have each control in each direction.
@pytest.mark.parametrize(
    ("name", "controls"),
    [
        ("AtoB", {}),
        ("AtoB", {"style": [0.5, -0.5, 1.0]}),
        ("BtoA", {"season": 1}),
        ("AtoB", {"hints": HINTS}),
        ("BtoA", {"hints": HINTS, "season": 1, "style": [0, 0, 0]}),
    ],
)
def test_directions_and_exports_translate_with_controls(directions, exports, name, controls):
    direction = directions[name]
    by_network = translation.direction_translator(direction, controls=controls)
    by_export = translation.export_translator(exports, direction=name, controls=controls)
    for translator in (by_network, by_export):
        (output,) = translator.translate(PIXELS)
        assert np.abs(output - expected(direction, controls)[0]).max() <= 1


def test_samples_are_drawn_with_controls(directions, exports):
    controls = {"season": 1}
    direction = directions["BtoA"]
    translator = translation.direction_translator(direction, samples=2, seed=4, controls=controls)
    for output, reference in zip(
        translator.translate(PIXELS), expected(direction, controls, samples=2, seed=4)
    ):
        assert np.abs(output - reference[0]).max() <= 1
    seeded = translation.export_translator(exports, direction="BtoA", controls={"seed": 4})
    reference = expected(direction, {}, samples=1, seed=4)[0, 0]
    assert np.abs(seeded.translate(PIXELS)[0] - reference).max() <= 1
    both = {"seed": 4, "season": 1}
    reference = expected(direction, {"season": 1}, samples=1, seed=4)[0, 0]
    for translator in (
        translation.export_translator(exports, direction="BtoA", controls=both),
        translation.direction_translator(direction, controls=both),
    ):
        assert np.abs(translator.translate(PIXELS)[0] - reference).max() <= 1


def test_maps_of_another_size_fail_for_their_file_alone(tmp_path, exports):
    codecs.write(PIXELS, tmp_path / "in/fits.png")
    codecs.write(PIXELS[:5], tmp_path / "in/low.png")
    controls = {"hints": np.zeros((6, 8, 4)).tolist()}
    translator = translation.export_translator(exports, controls=controls)
    done = translation.translate_files(translator, tmp_path / "in", tmp_path / "out")
    assert done.written == 1
    (reason,) = done.failures.values()
    assert "A map must be as high and wide as its image." in reason


def test_what_an_export_has_not_is_refused_with_all_names(exports):
    with refused("A direction must be one of AtoB, BtoA. Received: 'up'. Leave it out for AtoB."):
        translation.export_translator(exports, direction="up")
    with refused(
        "An export translates with controls of this direction: style, seed, hints, season. "
        "Received: season, colour. Leave the others out."
    ):
        translation.export_translator(exports, controls={"season": 1, "colour": 1})
    with refused(
        "The control 'style' must be numbers of shape [3], for all images or for each. Received: "
        "a value of shape (2,)."
    ):
        translation.export_translator(exports, controls={"style": [0, 0]})


@pytest.mark.parametrize("text", ["style", "=1", "style=[1", "style=wet"])
def test_values_of_controls_are_json(text):
    assert translation.named_values(['a="b=c"', "d=[1,2]"]) == {"a": "b=c", "d": [1, 2]}
    with refused(
        "The value of a control must be NAME=JSON, such as style=[0.5,1], or NAME=@FOLDER with a "
        f"file for each image. Received: {text!r}. Write text in double quotes."
    ):
        translation.named_values([text])


def test_an_export_from_before_directions_translates_as_it_did(tmp_path):
    with tarfile.open(BEFORE) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "export/tiny"
    pixels = codecs.read(tmp_path / "in/x.png")
    reference = codecs.read(tmp_path / "expected/out/x.png").astype(int)
    for direction in (None, "translate"):
        translator = translation.export_translator(folder, direction=direction)
        (output,) = translator.translate(pixels)
        assert np.abs(output - reference).max() <= 1
    samples = translation.export_translator(folder, controls={"seed": 3})
    assert np.abs(samples.translate(pixels)[0].astype(int) - reference).max() > 2
    with refused(
        "An export translates with controls of this direction: seed. Received: style. Leave the "
        "others out."
    ):
        translation.export_translator(folder, controls={"style": [1]})
    (folder / "1/model_card.json").unlink()
    with refused(
        "An export without a model card has one direction and no controls. Received: "
        "direction='translate', controls={}. Leave them out."
    ):
        translation.export_translator(folder, direction="translate")
