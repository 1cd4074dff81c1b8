import base64
import hashlib
import io
import json
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from serving.client.control_files import example_values
from tests.cases import open_generator
from tfpix2pix import InputError, export
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Colorization, Labels, Pairs

BEFORE = Path(__file__).parents[2] / "goldens/before_families.tar.xz"
COLOR = PixelFormat(3, "uint8", (0.0, 255.0))
NOISE = np.random.default_rng(0).integers(0, 256, (8, 200, 160, 3)).astype("uint8")


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "trees"
    known = {"step": 70, "metrics": {"l1": 0.25}, "config": {"name": "x"}}
    known["drawings"] = {"translate": {"kind": "picture", "background": [1, 2, 3]}}
    known["examples"] = {"translate": [NOISE[0, :100]]}
    generator = open_generator(dropout_levels=0)
    return export.export(generator, folder, size=(12, 8), card=known)[0]


def test_the_graph_answers_the_card_of_the_folder_once_for_each_request(version):
    serve = tf.saved_model.load(str(version)).signatures["model_card"]
    answers = serve(request=tf.constant([b"any", b"\xff"]))["model_card"].numpy()
    served, again = map(json.loads, answers)
    written = json.loads((version / "model_card.json").read_text("utf-8"))
    assert written.pop("parity") < 1e-4
    assert written.pop("files")
    assert served == again == written
    assert {name: served[name] for name in ("format", "name", "task", "step", "metrics")} == {
        "format": 2,
        "name": "trees",
        "task": "pairs",
        "step": 70,
        "metrics": {"l1": 0.25},
    }
    pixels = {"channels": 3, "dtype": "uint8", "value_range": [0, 255]}
    assert (served["source"], served["target"]) == (pixels, pixels)
    assert (served["image_size"], served["size_multiple"]) == ([12, 8], 4)
    assert served["drawing"] == {"kind": "picture", "background": [1, 2, 3]}
    assert served["config"] == {"name": "x"}
    assert served["versions"]["tensorflow"] == tf.__version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", served["created"])
    (example,) = served["examples"]
    sent = Image.open(io.BytesIO(base64.b64decode(example)))
    np.testing.assert_array_equal(np.asarray(sent), NOISE[0, :100])


def test_files_are_listed_by_the_hashes_of_their_bytes(version):
    files = {str(path.relative_to(version)): path for path in version.rglob("*") if path.is_file()}
    del files["model_card.json"]
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    assert export.read_card(version)["files"] == hashes
    assert export.verify(version) == len(files)


def test_files_that_are_not_as_published_are_named(tmp_path, version):
    copy = tmp_path / "1"
    shutil.copytree(version, copy)
    with (copy / "saved_model.pb").open("ab") as file:
        file.write(b"x")
    (copy / "variables/variables.index").unlink()
    (copy / "notes.txt").write_text("mine")
    message = (
        f"The files of a version must be those that were published. Received: {copy}, where "
        "notes.txt is new, saved_model.pb is changed, variables/variables.index is missing. Copy "
        "the version anew, or export the run again."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        export.verify(copy)
    (copy / "model_card.json").unlink()
    message = (
        f"A version must have a model_card.json. Received: '{copy}', which has none. Check the "
        "spelling, or export the run again."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        export.verify(copy)


def described(task, **options):
    directions = export.named_directions(open_generator(), task)
    return export.model_card(directions, "x", **options)


def test_examples_are_limited_in_number_and_bytes():
    task = Pairs((COLOR, COLOR))
    small = described(task, examples={"translate": list(NOISE[:, :8, :8])})
    assert len(small["examples"]) == 6
    # Noise of 100 x 160 pixels takes 48 kB as PNG, and 64 kB in base64.
    large = described(task, examples={"translate": list(NOISE[:, :100])})
    assert len(large["examples"]) == 2
    floats = Pairs((PixelFormat(3, "float32", (0.0, 1.0)), COLOR))
    assert described(floats, examples={"translate": [NOISE[0]]})["examples"] == []


def test_examples_keep_the_values_of_their_controls():
    classes = np.arange(200 * 160).reshape(200, 160, 1) // 800
    values = {"classes": classes.astype("int32"), "style": np.float32([0.1, 0.2, 0.3])}
    examples = [(NOISE[0, :8, :8], values), NOISE[1, :8, :8]]
    entry = described(Pairs((COLOR, COLOR)), examples={"translate": examples})["directions"][0]
    assert len(entry["examples"]) == 2
    names = {"classes": [None, None, 1], "style": [3]}
    entry["controls"] = [{"name": name, "shape": shape} for name, shape in names.items()]
    read, nothing = example_values(json.loads(json.dumps(entry)))
    assert (read["classes"], nothing) == (classes.tolist(), {})
    np.testing.assert_array_equal(np.float32(read["style"]), values["style"])
    large = {"classes": NOISE.astype("float32")}
    examples[1] = (examples[1], large)  # What is left out is the whole example.
    entry = described(Pairs((COLOR, COLOR)), examples={"translate": examples})["directions"][0]
    assert (len(entry["examples"]), len(entry["example_controls"])) == (1, 1)


@pytest.mark.parametrize(
    "task", [Pairs((PixelFormat(5, "uint16", (0.0, 9.0)), COLOR)), Colorization((COLOR,))]
)
def test_a_card_gives_the_task_back(task):
    assert export.task_of(json.loads(json.dumps(described(task)))) == task


def test_a_card_gives_the_classes_of_any_direction_back():
    sky = {"sky": (0, 0, 255), "sea": (0, 99, 99)}
    forth = export.named_directions(open_generator(), Labels((COLOR, COLOR), (sky, None)))
    back = export.named_directions(open_generator(), Labels((COLOR, COLOR), (None, sky)))
    directions = {"forth": forth["translate"], "back": back["translate"]}
    card = json.loads(json.dumps(export.model_card(directions, "x")))
    assert export.task_of(card).channels == (2, 3)
    assert export.task_of(card, "back").channels == (3, 2)
    message = "A direction must be one of forth, back. Received: 'up'. Leave it out for forth."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        export.task_of(card, "up")


def test_a_card_of_format_1_describes_one_direction():
    with tarfile.open(BEFORE) as archive:
        card = json.load(archive.extractfile("export/tiny/1/model_card.json"))
    assert card["format"] == 1
    entry = export.directions_of(card, ["float", "sampled"])["translate"]
    assert entry["signatures"] == {
        "default": "serving_default",
        "float": "float",
        "uint8": "uint8",
    }
    assert entry["controls"] == [
        {
            "name": "seed",
            "signature": "sampled",
            "dtype": "int64",
            "shape": [],
            "about": {"kind": "seed", "title": "Seed"},
        }
    ]
    for key in ("source", "target", "size_multiple", "drawing", "examples"):
        assert entry[key] == card[key]
    assert export.directions_of(card)["translate"]["controls"] == []
    assert export.task_of(card) == Pairs((COLOR, COLOR))


def test_a_card_gives_the_classes_of_label_maps_back():
    pixels = {"channels": 3, "dtype": "uint8", "value_range": [0, 255]}
    classes = {"a": [1, 2, 3], "b": [9, 8, 7]}
    config = {"data": {"source_labels": classes, "target_labels": None}}
    task = export.task_of({"task": "pairs", "source": pixels, "target": pixels, "config": config})
    assert task.source(tf.constant([[[9, 9, 9]]], "uint8")).numpy().tolist() == [[[-1.0, 1.0]]]
