import re

import numpy as np
import pytest
import tensorflow as tf

from tests import cases
from tests.cases.directions import two_directions
from tfpix2pix import InputError, export, inference
from tfpix2pix.data import codecs, images
from tfpix2pix.export.weights import StoredWeights
from tfpix2pix.networks import resnet_generator, unet_generator

SIZE = (32, 64)
SHAPE = (1, 16, 16, 3)


def rounded_copy(build):
    """Returns a network of the case's weights, rounded by NumPy."""
    network = cases.fixed_weights(build())
    halves = [weights.astype("float16") for weights in network.get_weights()]
    network.set_weights([half.astype("float32") for half in halves])
    return network


def generator():
    return unet_generator((None, None, 3), depth=3, base_filters=4)


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    """`(version, difference)` of an export of float16 weights."""
    folder = tmp_path_factory.mktemp("exports") / "half"
    example = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype("uint8")
    return export.export(
        cases.fixed_weights(generator()),
        folder,
        size=SIZE,
        card={"examples": {"translate": [example]}},
        weights="float16",
    )


def test_every_signature_computes_in_float32_with_rounded_weights(halved):
    version, difference = halved
    assert difference < 1e-5
    network = rounded_copy(generator)
    served = tf.saved_model.load(str(version)).signatures
    random = np.random.default_rng(1)
    for size in (SIZE, (33, 47)):
        pixels = random.integers(0, 256, (2, *size, 3)).astype("uint8")
        source = images.to_signed(pixels)
        expected = inference.translate(network, source).numpy()
        output = served["float"](image=source)["output"]
        np.testing.assert_allclose(output, expected, atol=1e-5)
        files = tf.constant([codecs.encode(one, ".png") for one in pixels])
        noisy = inference.translate(network, source, samples=1, seed=6)[0]
        sampled = served["sampled"](image_bytes=files, seed=tf.constant([6, 6], "int64"))
        for answer, translated in (
            (served["serving_default"](image_bytes=files), expected),
            (sampled, noisy),
        ):
            decoded = [codecs.decode(png).pixels for png in answer["output_bytes"].numpy()]
            assert np.abs(decoded - (translated + 1) * 127.5).max() < 1.01
        output = served["uint8"](image=tf.constant(pixels))["output"].numpy()
        assert np.abs(output - (expected + 1) * 127.5).max() < 1.01


def test_the_variables_on_the_disk_are_halves_of_the_weights(halved):
    reader = tf.train.load_checkpoint(str(halved[0] / "variables/variables"))
    stored = [
        reader.get_tensor(name)
        for name in sorted(reader.get_variable_to_shape_map())
        if name.endswith("VARIABLE_VALUE")
    ]
    weights = cases.fixed_weights(generator()).get_weights()
    assert {values.dtype for values in stored} == {np.dtype("float16")}
    assert sum(values.nbytes for values in stored) == sum(x.nbytes for x in weights) // 2
    sums = sorted(float(values.astype("float64").sum()) for values in stored)
    expected = sorted(float(x.astype("float16").astype("float64").sum()) for x in weights)
    np.testing.assert_array_equal(sums, expected)


def test_the_card_tells_how_far_rounding_moves_translations_of_its_examples(halved):
    card = export.read_card(halved[0])
    example = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3)).astype("uint8")
    exact, rounded = (
        inference.translate(network, images.to_signed(example)).numpy()
        for network in (cases.fixed_weights(generator()), rounded_copy(generator))
    )
    moved = np.abs(exact - rounded)
    assert card["weights"] == "float16"
    assert card["rounding"] == pytest.approx({"largest": moved.max(), "mean": moved.mean()}, 0.01)
    assert card["rounding"]["mean"] > 1e-6


def test_an_export_of_float32_weights_is_not_rounded(exported):
    card = export.read_card(exported[1] / "tiny/1")
    assert card["weights"] == "float32"
    assert "rounding" not in card


def test_directions_with_controls_are_halved_and_their_networks_stay_as_they_are(tmp_path):
    directions = two_directions()
    networks = [direction.network for direction in directions.values()]
    before = [weights for network in networks for weights in network.get_weights()]
    places = [{**vars(layer)} for network in networks for layer in network.layers]
    version, difference = export.export(directions, tmp_path / "both", weights="float16")
    assert difference < 1e-5
    shapes = tf.train.list_variables(str(version / "variables/variables"))
    halves = [name for name, _ in shapes if name.endswith("VARIABLE_VALUE")]
    assert len(halves) == len(before)
    for weights, now in zip(before, [x for network in networks for x in network.get_weights()]):
        np.testing.assert_array_equal(weights, now)
    for place, layer in zip(places, [x for network in networks for x in network.layers]):
        assert {name: id(value) for name, value in vars(layer).items() if name in place} == {
            name: id(value) for name, value in place.items()
        }


@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (lambda: unet_generator((None, None, 3), depth=3, base_filters=4, norm="batch"), [SHAPE]),
        (lambda: resnet_generator((None, None, 3), base_filters=4, blocks=1), [SHAPE]),
        *((case.build, case.inputs) for case in cases.NETWORKS.values()),
    ],
)
def test_every_weight_of_every_network_is_halved_and_read(build, shapes):
    network = cases.fixed_weights(build())
    stored = StoredWeights([network, network], "float16")
    assert len(stored.variables) == len(network.weights)
    assert {variable.dtype.name for variable in stored.variables} == {"float16"}
    inputs = [cases.smooth_images(shape) for shape in shapes]
    with stored.read(network):
        output = network(inputs)
    expected = rounded_copy(build)(inputs)
    np.testing.assert_allclose(output, expected, atol=1e-6)
    assert np.abs(network(inputs) - expected).max() > 1e-6


def test_networks_are_as_before_after_a_failure():
    network = cases.open_generator()
    stored = StoredWeights([network], "float16")
    before = network.get_weights()
    for context in (stored.read(network), stored.rounded()):
        with pytest.raises(OSError, match="no space"), context:
            raise OSError("no space")
    for weights, now in zip(before, network.get_weights()):
        np.testing.assert_array_equal(weights, now)


def test_what_float16_cannot_hold_is_refused(tmp_path):
    network = cases.open_generator()
    network.get_layer("head_conv").bias.assign([0.0, 70000.0, 0.0])
    message = (
        "float16 holds numbers up to 65504. Received: one of 70000 in 'head_conv/bias:0'. Store "
        "the weights as float32."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        export.export(network, tmp_path / "new", weights="float16")
    message = "`weights` must be one of float32, float16. Received: 'int8'. Choose one."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        export.export(network, tmp_path / "new", weights="int8")
    assert not (tmp_path / "new").exists()
