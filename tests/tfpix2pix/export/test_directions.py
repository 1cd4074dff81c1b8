import io
import json
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

from tests.cases import fixed_weights, open_generator, smooth_images
from tests.cases.directions import STYLE, controlled_direction
from tfpix2pix import InputError, export
from tfpix2pix.data import images
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.inference import Control, control_batches, translate
from tfpix2pix.layers.initialization import derived_seed

RANDOM = np.random.default_rng(0)


@pytest.fixture
def directions(exported_directions):
    return exported_directions[0]


@pytest.fixture(scope="module")
def version(exported_directions):
    return exported_directions[1] / "both/1"


@pytest.fixture(scope="module")
def served(version):
    return tf.saved_model.load(str(version)).signatures


def expected(direction, source, values, **options):
    controls = control_batches(direction, source, values)
    return translate(direction.network, source, controls=controls, **options)


def refused(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def test_every_direction_has_its_signatures(served):
    plain = {"serving_default", "float", "uint8", "sampled", "style", "hints", "season"}
    plain.add("controlled")
    others = {"BtoA", *(f"BtoA_{name}" for name in plain - {"serving_default"})}
    assert set(served) == {*plain, *others, "model_card"}
    style = served["BtoA_style"].structured_input_signature[1]
    assert {name: (spec.dtype, spec.shape.as_list()) for name, spec in style.items()} == {
        "image_bytes": (tf.string, [None]),
        "style": (tf.float32, [None, 3]),
    }
    hints = served["hints"].structured_input_signature[1]["hints"]
    assert hints.shape.as_list() == [None, None, None, 4]


@pytest.mark.parametrize(("name", "prefix"), [("AtoB", ""), ("BtoA", "BtoA_")])
def test_directions_of_equal_names_keep_their_weights(directions, served, name, prefix):
    source = smooth_images((2, 5, 7, 3))
    output = served[f"{prefix}float"](image=source)["output"]
    np.testing.assert_allclose(output, expected(directions[name], source, {}), atol=1e-5)
    other = directions["AtoB" if name == "BtoA" else "BtoA"]
    assert np.abs(output - expected(other, source, {})).max() > 0.01


@pytest.mark.parametrize(
    ("control", "values"),
    [
        ("style", RANDOM.uniform(-1, 1, (2, 3)).astype("float32")),
        ("season", np.array([1, 0], "int32")),
        ("hints", RANDOM.uniform(-1, 1, (2, 5, 7, 4)).astype("float32")),
    ],
)
def test_a_control_is_set_for_each_file(directions, served, control, values):
    pixels = RANDOM.integers(0, 256, (2, 5, 7, 3)).astype("uint8")
    files = tf.stack([images.encode(image) for image in pixels])
    answer = served[f"BtoA_{control}"](image_bytes=files, **{control: tf.constant(values)})
    source = images.to_signed(pixels)
    for index, encoded in enumerate(answer["output_bytes"].numpy()):
        one = expected(
            directions["BtoA"], source[index : index + 1], {control: values[index : index + 1]}
        )
        output = np.asarray(Image.open(io.BytesIO(encoded))).astype(int)
        assert np.abs(output - images.to_pixels(one)[0]).max() <= 1


SETTINGS = [
    {},
    {"style": [0.5, -0.5, 1.0], "season": 1},
    {"hints": RANDOM.uniform(-1, 1, (5, 7, 4)).astype("float32"), "seed": 3},
    {"season": 1, "seed": 2**40},
    {"style": [0.1, 0.2, 0.3], "season": 1, "seed": 4},
]


def test_each_image_of_a_request_sets_other_controls(directions, served):
    pixels = RANDOM.integers(0, 256, (len(SETTINGS), 5, 7, 3)).astype("uint8")
    inputs = {"image_bytes": tf.stack([images.encode(image) for image in pixels])}
    unset = {"style": np.full(3, np.nan), "seed": 0, "hints": np.full((5, 7, 4), 9), "season": 1}
    types = {"style": "float32", "seed": "int64", "hints": "float32", "season": "int32"}
    for name, dtype in types.items():
        values = [setting.get(name, unset[name]) for setting in SETTINGS]
        inputs[name] = tf.constant(np.array(values, dtype))
        inputs[f"set_{name}"] = tf.constant([name in setting for setting in SETTINGS])
    answer = served["BtoA_controlled"](**inputs)["output_bytes"].numpy()
    source = images.to_signed(pixels)
    for index, setting in enumerate(SETTINGS):
        values = dict(setting)
        noise = {"samples": 1, "seed": values.pop("seed")} if "seed" in values else {}
        if noise and "style" not in values:
            own = tf.random.experimental.stateless_fold_in(
                tf.constant((noise["seed"], 0), "int64"), derived_seed(0, "style")
            )
            values["style"] = STYLE.sample(own, source[:1])
        one = expected(directions["BtoA"], source[index : index + 1], values, **noise)
        output = np.asarray(Image.open(io.BytesIO(answer[index]))).astype(int)
        assert np.abs(output - images.to_pixels(one).numpy().reshape(5, 7, 3)).max() <= 1, setting


def test_maps_that_are_not_set_have_any_sides(directions, served):
    source = RANDOM.integers(0, 256, (1, 5, 7, 3)).astype("uint8")
    inputs = {
        "image_bytes": images.encode(source[0])[tf.newaxis],
        "style": tf.zeros((1, 3)),
        "seed": tf.zeros((1,), "int64"),
        "hints": tf.zeros((1, 1, 1, 4)),
        "season": tf.constant([1]),
    }
    flags = {f"set_{name}": tf.constant([name == "season"]) for name in inputs}
    del flags["set_image_bytes"]
    (answer,) = served["controlled"](**inputs, **flags)["output_bytes"].numpy()
    reference = expected(directions["AtoB"], images.to_signed(source), {"season": 1})
    output = np.asarray(Image.open(io.BytesIO(answer))).astype(int)
    assert np.abs(output - images.to_pixels(reference)[0]).max() <= 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="as high and wide as its image"):
        served["controlled"](**inputs, **{**flags, "set_hints": tf.constant([True])})
    with pytest.raises(tf.errors.InvalidArgumentError, match="a value of set_style for each image"):
        served["controlled"](**inputs, **{**flags, "set_style": tf.constant([True, True])})


def test_every_weight_is_stored_once(directions, version, tmp_path):
    def stored(path):
        variables = tf.train.list_variables(str(path / "variables/variables"))
        return [shape for name, shape in variables if name.endswith("VARIABLE_VALUE")]

    networks = [direction.network for direction in directions.values()]
    assert len(stored(version)) == sum(len(network.weights) for network in networks)
    (shared,) = export.named_directions(fixed_weights(open_generator())).values()
    path, _ = export.export({"AtoB": shared, "BtoA": shared}, tmp_path)
    assert len(stored(path)) == len(shared.network.weights)


def test_no_custom_gradient_is_kept(version):
    """TensorFlow warns of each function that has one without its gradient's function."""
    saved = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    library = saved.meta_graphs[0].graph_def.library
    assert not any(
        "_gradient_op_type" in node.attr for f in library.function for node in f.node_def
    )
    assert not any("grad" in function.signature.name for function in library.function)


def test_the_card_describes_directions_and_their_controls(version):
    card = export.read_card(version)
    assert card["format"] == 2
    forth, back = card["directions"]
    assert [entry["name"] for entry in (forth, back)] == ["AtoB", "BtoA"]
    assert back["signatures"] == {
        "default": "BtoA",
        "float": "BtoA_float",
        "uint8": "BtoA_uint8",
        "controlled": "BtoA_controlled",
    }
    assert (back["paired"], back["size_multiple"], back["task"]) == (False, 2, "pairs")
    controls = {control["name"]: control for control in back["controls"]}
    assert list(controls) == ["style", "seed", "hints", "season"]
    assert controls["seed"]["signature"] == "BtoA_sampled"
    assert controls["season"] == {
        "name": "season",
        "signature": "BtoA_season",
        "dtype": "int32",
        "shape": [],
        "about": {"kind": "choice", "names": ["dry", "wet"]},
    }
    assert controls["hints"]["shape"] == [None, None, 4]
    for key in ("task", "source", "target", "size_multiple", "drawing", "examples"):
        assert card[key] == forth[key]


def test_what_png_cannot_hold_is_controlled_as_floats(tmp_path):
    two = PixelFormat(2, "float32", (0.0, 1.0))
    direction = controlled_direction(two, two)
    version, difference = export.export({"only": direction}, tmp_path)
    assert difference < 1e-5
    signatures = tf.saved_model.load(str(version)).signatures
    assert signatures["controlled"].structured_outputs["output"].dtype == tf.float32
    serve = signatures["style"]
    source, style = smooth_images((2, 5, 7, 2)), tf.constant([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]])
    output = serve(image=source, style=style)["output"]
    np.testing.assert_allclose(output, expected(direction, source, {"style": style}), atol=1e-5)


def test_values_that_do_not_fit_their_images_are_refused(served):
    pixels = RANDOM.integers(0, 256, (2, 5, 7, 3)).astype("uint8")
    files = tf.stack([images.encode(image) for image in pixels])
    with pytest.raises(tf.errors.InvalidArgumentError, match="a value of style for each image"):
        served["style"](image_bytes=files, style=tf.zeros((1, 3)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="as high and wide as its image"):
        served["hints"](image_bytes=files, hints=tf.zeros((2, 5, 8, 4)))


def test_signatures_of_one_name_are_refused(tmp_path):
    (direction,) = export.named_directions(open_generator()).values()
    neutral = Control("float", tf.TensorSpec(()), tf.zeros_like)
    message = (
        "Signatures must have names of their own, which come from those of directions and "
        "controls. Received: {} again. Rename it."
    )
    with refused(message.format("'float' of the direction 'AtoB'")):
        export.export({"AtoB": direction._replace(controls=(neutral,))}, tmp_path)
    with refused(message.format("'model_card' of the direction 'model_card'")):
        export.export({"AtoB": direction, "model_card": direction}, tmp_path)
    for name in ("image", "samples", "set_style", "seed"):
        control = neutral._replace(name=name)
        with refused(
            "A control must not be named image, image_bytes, direction, pixels, samples, tiling, "
            "set_..., or as the seed seed, which mean something else. Received: "
            f"{name!r} of the direction 'AtoB'. Rename it."
        ):
            export.export({"AtoB": direction._replace(controls=(control,))}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_direction_or_two_tasks_are_refused(tmp_path):
    (direction,) = export.named_directions(open_generator()).values()
    message = (
        "An export must have a direction, and each has its task. Received: {} directions, "
        "task={}. Leave `task` out."
    )
    with refused(message.format(0, None)):
        export.export({}, tmp_path)
    color = Pairs((PixelFormat(3, "uint8", (0.0, 255.0)),) * 2)
    with refused(message.format(1, repr(color))):
        export.export({"AtoB": direction}, tmp_path, task=color)


@pytest.mark.slow
def test_the_direction_that_is_asked_for_is_converted(directions, tmp_path):
    file = tmp_path / "both.tflite"
    assert export.convert(directions, file, direction="BtoA") < 1e-5
    interpreter = tf.lite.Interpreter(str(file))
    source = smooth_images((1, 6, 4, 3))
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], source.shape)
    output = interpreter.get_signature_runner()(image=source.numpy())["output"]
    np.testing.assert_allclose(output, expected(directions["BtoA"], source, {}), atol=1e-5)
    card = json.loads(file.read_bytes()[file.read_bytes().index(b'{"format"') :].split(b"PK")[0])
    (entry,) = card["directions"]
    assert (entry["name"], entry["signatures"], entry["controls"]) == ("BtoA", {}, [])
    with refused("A direction must be one of AtoB, BtoA. Received: 'up'. Leave it out for AtoB."):
        export.convert(directions, file, direction="up")
