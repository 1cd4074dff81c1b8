import json
import re
import sys
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import fixed_weights, smooth_images
from tfpix2pix import InputError, export, inference
from tfpix2pix.families import get_family, preset
from tfpix2pix.networks import unet_generator

SIZES = [(1, 8, 16), (3, 7, 5), (2, 1, 1)]


@pytest.fixture(scope="module")
def generator():
    return fixed_weights(unet_generator((None, None, 3), 2, depth=3, base_filters=4))


def assert_same(run, generator):
    for shape in SIZES:
        source = smooth_images((*shape, 3))
        output = run(source.numpy())
        assert output.shape == (*shape, 2)
        np.testing.assert_allclose(output, inference.translate(generator, source), atol=1e-5)


@pytest.mark.slow
def test_a_tensorflow_lite_file_translates_any_size_and_holds_its_card(tmp_path, generator):
    file = tmp_path / "models/trees.tflite"
    assert export.convert(generator, file, size=(12, 10), card={"step": 7}) < 1e-5
    interpreter = tf.lite.Interpreter(str(file))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["output"]}
    }

    def run(source):
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], source.shape)
        return interpreter.get_signature_runner()(image=source)["output"]

    assert_same(run, generator)
    with zipfile.ZipFile(file) as archive:
        card = json.loads(archive.read("model_card.json"))
    assert (card["name"], card["step"], card["image_size"]) == ("trees", 7, [12, 10])
    assert card["parity"] < 1e-5
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.slow
def test_an_onnx_file_translates_any_size_and_holds_its_card(tmp_path, generator):
    onnxruntime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    file = tmp_path / "trees.onnx"
    file.write_bytes(b"an older one")
    assert export.convert(generator, file, card={"step": 7}) < 1e-5
    onnx.checker.check_model(str(file), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert_same(lambda source: session.run(["output"], {"image": source})[0], generator)
    card = json.loads(session.get_modelmeta().custom_metadata_map["model_card"])
    assert (card["name"], card["step"], card["target"]["channels"]) == ("trees", 7, 2)
    assert list(tmp_path.iterdir()) == [file]


def test_other_formats_and_missing_packages_are_refused(tmp_path, generator, monkeypatch):
    message = (
        f"A converted model must end in .tflite or .onnx. Received: '{tmp_path / 'x.h5'}'. Name "
        "the file by its format."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        export.convert(generator, tmp_path / "x.h5")
    monkeypatch.setitem(sys.modules, "onnx", None)  # As Python knows what cannot be imported.
    message = (
        "ONNX files need the packages onnx, onnxruntime and tf2onnx. Received: no onnx. Install "
        "them by `pip install tfpix2pix[onnx]`."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        export.convert(generator, tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_file_that_differs_is_not_written(tmp_path):
    source = keras.Input((None, None, 3))
    noisy = keras.layers.Lambda(lambda x: x + tf.random.normal(tf.shape(x)))(source)
    with pytest.raises(InputError, match=r"agree with the trained one within 0\.0001"):
        export.convert(keras.Model(source, noisy), tmp_path / "noisy.tflite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_a_network_with_points_is_converted_without_any(suffix, tmp_path):
    """Files of any size, which the network works at and comes back from."""
    pytest.importorskip("onnxruntime" if suffix == ".onnx" else "tensorflow")
    config = preset("hints_debug")
    family = get_family(config.family)
    model = family.model(config)
    fixed_weights(model.generator)
    directions = family.directions(config, model)
    assert export.convert(directions, tmp_path / f"hints{suffix}", size=(32, 48)) < 1e-5
