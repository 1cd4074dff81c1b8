import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests import reference
from tests.cases import smooth_images
from tfpix2pix import InputError, export, inference
from tfpix2pix.layers import AlignedConv2DTranspose, Conventions, Dropout
from tfpix2pix.networks import image_discriminator, resnet_generator


def tiny(blocks=2, **options):
    """Returns a network of random weights: waves nearly cancel out, and leave rounding errors."""
    network = resnet_generator((None, None, 3), 2, base_filters=4, blocks=blocks, **options)
    random = np.random.default_rng(0)
    network.set_weights([random.normal(0, 0.1, v.shape) for v in network.get_weights()])
    return network


def restated(network, source, blocks=2, enlarged=None):
    weights = reference.weights_of(network)
    return reference.resnet(np.asarray(source, "float64"), weights, blocks, enlarged)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 11_378_179),
        ({"conventions": "paper"}, 11_388_675 - 5_248),  # Affine norms, and no biases before them.
        ({"conventions": Conventions(affine_instance=True, bias="all")}, 11_388_675),
        ({"norm": "batch"}, 11_383_427),
        ({"blocks": 6}, 7_837_699),
        ({"blocks": 6, "base_filters": 32}, 1_965_059),
        ({"blocks": 3, "base_filters": 16}, 272_515),
    ],
    ids=str,
)
def test_the_generator_has_the_published_number_of_parameters(options, count):
    network = resnet_generator(**options)
    assert sum(int(np.prod(v.shape)) for v in network.trainable_variables) == count


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 2_764_737),
        ({"base_filters": 32}, 694_241),
        ({"receptive_field": 34, "base_filters": 16}, 42_865),
    ],
    ids=str,
)
def test_the_discriminator_has_the_published_number_of_parameters(options, count):
    assert image_discriminator(conventions="pytorch", **options).count_params() == count


@pytest.mark.parametrize("blocks", [9, 6])
@pytest.mark.slow
def test_four_networks_have_the_published_number_of_parameters(blocks):
    count = resnet_generator(blocks=blocks).count_params()
    count += image_discriminator(conventions="pytorch").count_params()
    assert 2 * count == {9: 28_285_832, 6: 21_204_872}[blocks]


def test_the_network_is_the_paper_s():
    network = tiny()
    source = smooth_images((2, 12, 20, 3))
    np.testing.assert_allclose(network(source), restated(network, source), atol=1e-5)


def nearest(x):
    return np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)


def bilinear(x):
    """Linear between the middles of pixels."""
    for axis in (1, 2):
        side = x.shape[axis]
        places = (np.arange(2 * side) + 0.5) / 2 - 0.5
        x = np.apply_along_axis(
            lambda line, at=places: np.interp(at, range(len(line)), line), axis, x
        )
    return x


@pytest.mark.parametrize("enlarged", [nearest, bilinear])
def test_resizing_before_convolutions_replaces_transposed_ones(enlarged):
    conventions = Conventions(affine_instance=False, upsampling=enlarged.__name__)
    network = tiny(blocks=1, conventions=conventions)
    source = smooth_images((1, 8, 12, 3))
    expected = restated(network, source, blocks=1, enlarged=enlarged)
    np.testing.assert_allclose(network(source), expected, atol=1e-5)
    assert network.count_params() == tiny(blocks=1).count_params()


def test_a_constant_image_stays_constant_up_to_the_border_of_the_stem_and_of_a_block():
    """Not behind the convolutions of stride 2, which see zeros beyond the border."""
    network = tiny(norm="none")
    for source, target in (
        ("source", "stem_activation"),
        ("down2_activation", "block1_add"),
        ("block1_add", "block2_add"),
    ):
        image = network.get_layer(source).output
        part = keras.Model(image, network.get_layer(target).output)
        output = part(tf.ones((1, 8, 12, 1)) * tf.linspace(0.1, 0.9, image.shape[-1])).numpy()
        np.testing.assert_allclose(output, output[:, :1, :1] * np.ones_like(output), rtol=1e-4)
        assert np.abs(output[0, 0, 0]).max() > 0.1


def test_transposed_convolutions_are_one_pixel_before_keras_own():
    kernel = smooth_images((3, 3, 5, 2), seed=4)
    bias = smooth_images((5,), seed=5)
    source = smooth_images((2, 4, 3, 2))
    outputs = []
    for kind, options in (
        (AlignedConv2DTranspose, {}),
        (keras.layers.Conv2DTranspose, {"padding": "same", "output_padding": 1}),
    ):
        layer = kind(5, 3, strides=2, activation="relu", **options)
        layer.build(source.shape)
        layer.set_weights([kernel, bias])
        outputs.append(layer(source).numpy())
    aligned, keras_own = outputs
    expected = np.maximum(reference.doubled(source.numpy(), kernel.numpy()) + bias.numpy(), 0)
    np.testing.assert_allclose(aligned, expected, atol=1e-5)
    np.testing.assert_allclose(aligned[:, :-1, :-1], keras_own[:, 1:, 1:], atol=1e-5)
    assert np.abs(aligned - keras_own).max() > 0.5


def test_transposed_convolutions_of_other_sizes_are_refused():
    message = (
        'The kernel must be 3x3, the stride 2 and the padding "valid". Received: '
        "kernel_size=(4, 4), strides=(2, 2), padding='same'. Use MatrixConv2DTranspose for others."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        AlignedConv2DTranspose(3, 4, padding="same")


def test_dropout_lies_between_the_convolutions_of_each_block_and_only_in_training():
    network = tiny(dropout=0.25)
    layers = [layer for layer in network.layers if isinstance(layer, Dropout)]
    assert [layer.name for layer in layers] == ["block1_dropout", "block2_dropout"]
    part = keras.Model(
        network.get_layer("block1_first_activation").output,
        network.get_layer("block1_second_conv").input,
    )
    ones = tf.ones((1, 40, 40, 16))
    np.testing.assert_array_equal(part(ones), ones)
    dropped = part(ones, training=True).numpy()
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.75], rtol=1e-5)
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=0.02)
    source = smooth_images((1, 8, 8, 3))
    np.testing.assert_array_equal(network(source), tiny()(source))


@pytest.mark.parametrize("sides", [(1, 1), (3, 20), (4, 4), (2, 5)], ids=str)
def test_images_of_any_size_are_reflected_to_multiples_of_4(sides):
    network = tiny()
    source = smooth_images((2, *sides, 3)).numpy()
    missing = [-side % 4 for side in sides]
    pads = [(0, 0), *((count // 2, count - count // 2) for count in missing), (0, 0)]
    expected = restated(network, np.pad(source, pads, mode="reflect"))
    (top, _), (left, _) = pads[1:3]
    expected = expected[:, top : top + sides[0], left : left + sides[1]]
    np.testing.assert_allclose(inference.translate(network, source), expected, atol=1e-5)


@pytest.mark.parametrize("upsampling", ["transpose", "nearest", "bilinear"])
def test_strips_give_what_the_whole_image_does(upsampling):
    conventions = Conventions(affine_instance=False, upsampling=upsampling)
    network = tiny(dropout=0.5, conventions=conventions)
    source = smooth_images((1, 45, 18, 3))
    expected = inference.translate(network, source)
    for rows in (1, 7, 64):
        translated = inference.translate(network, source, strip=rows)
        np.testing.assert_allclose(translated, expected, atol=1e-5)
    assert np.std(expected) > 0.1


@pytest.mark.parametrize("upsampling", ["transpose", "nearest", "bilinear"])
@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
@pytest.mark.slow
def test_converted_files_translate_images_of_any_size(tmp_path, suffix, upsampling):
    network = tiny(conventions=Conventions(affine_instance=False, upsampling=upsampling))
    file = tmp_path / f"tiny{suffix}"
    assert export.convert(network, file) < 1e-5
    for shape in ((1, 8, 12), (2, 3, 20), (1, 1, 1)):
        source = smooth_images((*shape, 3)).numpy()
        expected = inference.translate(network, source)
        # Of the smallest maps, of 5 pixels, norms enlarge rounding errors.
        np.testing.assert_allclose(run_file(file, source), expected, atol=3e-5)


def run_file(file, source):
    if file.suffix == ".onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        return session.run(["output"], {"image": source})[0]
    interpreter = tf.lite.Interpreter(str(file))
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], source.shape)
    return interpreter.get_signature_runner()(image=source)["output"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            (),
            {"blocks": -1, "halvings": 0},
            "`halvings` must be at least 1, and `blocks` at least 0. Received: halvings=0, "
            "blocks=-1. Use 6 blocks for 128 pixels, 9 from 256 pixels on.",
        ),
        (
            ((30, 5, 3),),
            {},
            "The sides of `input_shape` must be multiples of 4 and at least 8 pixels. Received: "
            "input_shape=(30, 5, 3). Use sides of [32, 8].",
        ),
        (
            (),
            {"norm": "spectral"},
            "`norm` must be one of ['batch', 'batch_sync', 'instance', 'none']. Received: "
            "norm='spectral'.",
        ),
        (
            (),
            {"conventions": "lua"},
            "`conventions` must be one of ['affinelayer', 'paper', 'pytorch', 'tf_tutorial', "
            "'torch']. Received: conventions='lua'.",
        ),
    ],
)
def test_the_generator_refuses_what_it_cannot_build(arguments, options, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        resnet_generator(*arguments, **options)
