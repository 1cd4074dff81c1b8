import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests import reference
from tests.cases import fixed_weights, smooth_images
from tfpix2pix import InputError, unet_generator
from tfpix2pix.inference import strips, translate
from tfpix2pix.layers import (
    AlignedConv2DTranspose,
    BorderlessAveragePooling2D,
    Conventions,
    DoublingConv2D,
    InstanceNormalization,
    ReflectedConv2D,
    SpectralConv2D,
)
from tfpix2pix.networks import enhanced_generator, resnet_generator, scene_translator


def translated_at_once(generator, source, multiple):
    """Translates padded images at once."""
    missing = [-side % multiple for side in source.shape[1:3]]
    pads = [(0, 0), *((side // 2, side - side // 2) for side in missing), (0, 0)]
    translated = generator(np.pad(source, pads, mode="reflect"))
    (top, _), (left, _) = pads[1:3]
    return translated[:, top : top + source.shape[1], left : left + source.shape[2]]


@pytest.mark.parametrize(
    ("depth", "norm", "size", "rows", "options"),
    [
        (2, "instance", (37, 21), 5, {}),
        (4, "instance", (45, 40), 8, {"skips": False}),
        (3, "batch", (21, 19), 1, {"conventions": "tf_tutorial"}),
        (4, "batch", (17, 48), 100, {"conventions": "affinelayer"}),
        (2, "none", (35, 20), 6, {"conventions": Conventions(upsampling="bilinear")}),
    ],
)
def test_strips_give_what_the_whole_image_does(depth, norm, size, rows, options):
    options = {"base_filters": 4, "norm": norm, "dropout_levels": 0, **options}
    generator = fixed_weights(unet_generator((None, None, 3), depth=depth, **options))
    source = smooth_images((2, *size, 3))
    expected = translated_at_once(generator, source, 2**depth)
    np.testing.assert_allclose(translate(generator, source, strip=rows), expected, atol=1e-5)
    assert np.std(expected) > 0.01


@pytest.mark.parametrize("statistics", ["batch", "moving"])
def test_statistics_and_noise_are_the_same_in_strips(statistics):
    generator = fixed_weights(
        unet_generator((None, None, 3), depth=3, base_filters=4, norm="batch")
    )
    source = smooth_images((2, 13, 18, 3)) * tf.reshape([0.2, 1.0], (2, 1, 1, 1))
    options = {"statistics": statistics, "samples": 1, "seed": 3}
    expected = translate(generator, source, **options)
    np.testing.assert_allclose(
        translate(generator, source, strip=6, **options), expected, atol=1e-5
    )


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_strips_keep_the_precision_of_the_network(precision):
    keras.mixed_precision.set_global_policy(precision)
    try:
        generator = fixed_weights(unet_generator((None, None, 3), depth=2, base_filters=4))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    source = smooth_images((1, 13, 8, 3))
    translated = translate(generator, source, strip=3)
    assert translated.dtype == tf.float32
    np.testing.assert_allclose(translated, translated_at_once(generator, source, 4), atol=0.05)


LAYERS = [
    keras.layers.Conv2D(4, 3, padding="same"),
    keras.layers.Conv2D(4, 7),
    keras.layers.Conv2D(4, 4, strides=2, padding="same"),
    keras.layers.Conv2D(4, (5, 3), strides=3, padding="same", activation="tanh"),
    keras.layers.Conv2D(4, 2, strides=3),
    keras.layers.Conv2D(4, 3, dilation_rate=2, padding="same"),
    SpectralConv2D(4, 4, strides=2, padding="same"),
    keras.layers.Conv2DTranspose(4, 4, strides=2, padding="same"),
    keras.layers.Conv2DTranspose(4, 5, strides=3),
    keras.layers.Conv2DTranspose(4, 2, strides=3, padding="same"),
    keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1),
    keras.layers.UpSampling2D(3),
    keras.layers.UpSampling2D((2, 3), interpolation="bilinear"),
    keras.layers.UpSampling2D(2, interpolation="bicubic"),
    keras.layers.UpSampling2D(3, interpolation="lanczos5"),
    ReflectedConv2D(4, 7),
    AlignedConv2DTranspose(4),
    DoublingConv2D(4),
    keras.layers.DepthwiseConv2D(3, strides=2, padding="same"),
    keras.layers.SeparableConv2D(4, 5),
    keras.layers.AveragePooling2D(2),
    keras.layers.AveragePooling2D(3, strides=2, padding="same"),
    BorderlessAveragePooling2D(),
    keras.layers.MaxPooling2D((3, 2), strides=1, padding="same"),
    keras.layers.MaxPooling2D(3, strides=2),
    keras.layers.Cropping2D(((3, 1), (0, 2))),
    keras.layers.ZeroPadding2D(((3, 1), (0, 2))),
]


@pytest.mark.parametrize("height", [17, 18])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_every_kind_of_window_is_exact_at_cuts_and_borders(layer, height):
    image = smooth_images((1, height, 13, 2))
    expected = layer(image)
    maps = [strips._Map(image.shape, lambda start, stop: image[:, start:stop])]
    output = strips._applied(layer, maps, 4, "per_image", None)
    assert output.shape == expected.shape
    cuts = [0, 1, 2, 5, expected.shape[1]]
    read = [output.read(start, stop) for start, stop in zip(cuts, cuts[1:])]
    np.testing.assert_allclose(tf.concat(read, 1), expected, atol=1e-6)


def test_norms_know_the_moments_of_the_whole_however_it_is_cut():
    """The rows grow brighter, so that the moments of no strip are those of the image."""
    inputs = keras.Input((None, None, 2))
    network = keras.Model(inputs, InstanceNormalization(epsilon=0.01)(inputs))
    source = 0.1 * smooth_images((1, 50, 6, 2)) + tf.reshape(tf.linspace(-0.9, 0.9, 50), (50, 1, 1))
    expected = reference.normalize(
        source.numpy().astype("float64"), np.ones(2), np.zeros(2), (1, 2), epsilon=0.01
    )
    np.testing.assert_allclose(translate(network, source, strip=7), expected, atol=1e-5)


def test_a_mapped_source_is_read_and_no_file_stays_open(tmp_path):
    generator = fixed_weights(unet_generator((None, None, 3), depth=2, base_filters=4))
    source = np.memmap(tmp_path / "source", "float32", "w+", shape=(1, 30, 9, 3))
    source[:] = smooth_images(source.shape)
    opened = len(os.listdir("/proc/self/fd"))
    translated = translate(generator, source, strip=4)
    assert len(os.listdir("/proc/self/fd")) == opened
    np.testing.assert_allclose(translated, translated_at_once(generator, source, 4), atol=1e-5)


@keras.utils.register_keras_serializable("tests")
class PixelNorm(keras.layers.Layer):
    """Brings the channels of each pixel to a mean square of 1."""

    reach = 0

    def call(self, inputs):
        return inputs * tf.math.rsqrt(tf.reduce_mean(inputs**2, -1, keepdims=True) + 1e-8)


class Neighbours(keras.layers.Layer):
    """Adds the differences of rows two apart, over what lies beyond the image as 0."""

    reach = 2

    def call(self, inputs):
        padded = tf.pad(inputs, ((0, 0), (2, 2), (0, 0), (0, 0)))
        return inputs + padded[:, 4:] - padded[:, :-4]


class StyledNorm(keras.layers.Layer):
    """Instance norm whose scale and shift come from a style."""

    def build(self, input_shape):
        self.scale = keras.layers.Dense(input_shape[0][-1], name="scale")
        self.shift = keras.layers.Dense(input_shape[0][-1], name="shift")

    def call(self, inputs):
        return self.normalized(inputs, *tf.nn.moments(inputs[0], (1, 2), keepdims=True))

    def normalized(self, inputs, mean, variance):
        x, style = inputs
        scale, shift = (y[:, None, None] for y in (self.scale(style), self.shift(style)))
        # In the order of the formula oneDNN takes it for instance norm and crashes.
        scale = (1 + scale) * tf.math.rsqrt(variance + 1e-5)
        return x * scale + (shift - mean * scale)


def with_all_kinds():
    """A network of an image, a map, a style, and layers of all kinds; U-shaped, in two parts."""
    inner_map = keras.Input((None, None, 4))
    y = keras.layers.Conv2D(8, 3, padding="same", name="inner_conv")(inner_map)
    y = keras.layers.GroupNormalization(2, name="inner_norm")(y)
    y = keras.layers.PReLU(shared_axes=(1, 2), name="inner_activation")(y)
    y = keras.layers.Conv2D(4, 1, name="inner_head")(y)
    inner = keras.Model(inner_map, keras.layers.Add(name="inner_add")([inner_map, y]), name="inner")

    image = keras.Input((None, None, 3), name="image")
    hints = keras.Input((None, None, 1), name="hints")
    style = keras.Input((2,), name="style")
    x = keras.layers.Concatenate(name="join")([image, hints])
    x = ReflectedConv2D(4, 5, name="stem")(x)
    skip = StyledNorm(name="styled")([x, style])
    x = keras.layers.MaxPooling2D(2, name="down1")(keras.layers.ReLU(name="relu")(skip))
    x = inner(keras.layers.BatchNormalization(name="keras_norm")(x))
    x = keras.layers.AveragePooling2D(2, name="down2")(PixelNorm(name="pixels")(x))
    x = inner(keras.layers.LayerNormalization(name="layer_norm")(x))
    gate = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    peak = keras.layers.GlobalMaxPooling2D(keepdims=True, name="peak")(x)
    gate = keras.layers.Dense(4, activation="sigmoid", name="gate")(gate)
    gate = keras.layers.Reshape((1, 1, 4), name="gate_shape")(gate)
    x = keras.layers.Multiply(name="gated")([x, gate])
    x = keras.layers.Subtract(name="below_peak")([x, peak])
    x = keras.layers.UpSampling2D(4, interpolation="bicubic", name="up")(x)
    x = keras.layers.ZeroPadding2D(2, name="pad")(Neighbours(name="neighbours")(x))
    x = keras.layers.Cropping2D(2, name="crop")(x)
    x = keras.layers.Concatenate(name="skip")([x, skip])
    x = keras.layers.Conv2D(3, 3, padding="same", activation="tanh", name="head")(x)
    return fixed_weights(keras.Model([image, hints, style], x, name="all_kinds"))


@pytest.mark.parametrize(("size", "rows"), [((37, 21), 5), ((16, 24), 3), ((9, 8), 100)])
def test_networks_of_all_kinds_with_maps_and_styles_are_exact(size, rows):
    network = with_all_kinds()
    source = smooth_images((2, *size, 3))
    controls = [smooth_images((2, *size, 1), 5), tf.constant([[0.5, -0.2], [-0.9, 0.3]])]
    expected = translate(network, source, controls=controls)
    translated = translate(network, source, controls=controls, strip=rows)
    np.testing.assert_allclose(translated, expected, atol=1e-5)
    assert np.std(expected) > 0.01
    changed = translate(network, source, controls=[-controls[0], controls[1]], strip=rows)
    assert np.abs(changed - expected).max() > 1e-3


# Norms of maps of 5x6 pixels enlarge what is rounded.
@pytest.mark.parametrize(("rows", "norm", "most"), [(3, "none", 1e-5), (8, "instance", 3e-4)])
def test_scenes_are_exact_with_their_instances_appearances_and_photos(rows, norm, most):
    sizes = {"base_filters": 4, "blocks": 1, "halvings": 2}
    generator = enhanced_generator((None, None, 6), **sizes, enhancer_blocks=1, norm=norm)
    encoder = resnet_generator((None, None, 3), 2, base_filters=4, blocks=0, norm=norm)
    network = scene_translator(
        fixed_weights(generator),
        source_channels=3,
        has_instances=True,
        encoder=fixed_weights(encoder),
        centroids=[[[0.1, 0.9], [-0.5, 0.0]], [], [[0.3, -0.3]]],
    )
    random = np.random.default_rng(3)
    source = 2.0 * tf.one_hot(random.integers(0, 3, (1, 35, 44)), 3) - 1.0
    ids = random.integers(32_999, 33_004, (1, 35, 44, 1)).astype("int32")
    numbers = random.integers(-3, 3, (1, 35, 44, 1)).astype("int32")
    photo = smooth_images((1, 35, 44, 3)).numpy()
    photo[:, :, 20:] = -2.0
    controls = [ids, numbers, photo]
    whole = translate(network, source, controls=controls, multiple=8)
    cut = translate(network, source, controls=controls, multiple=8, strip=rows)
    np.testing.assert_allclose(cut, whole, atol=most)
    # All of them count.
    for number, value in enumerate(controls):
        other = [*controls[:number], value[:, ::-1], *controls[number + 1 :]]
        assert np.abs(translate(network, source, controls=other, multiple=8) - whole).max() > 1e-3


def test_group_norm_is_that_of_the_whole_by_numpy():
    inputs = keras.Input((None, None, 6))
    norm = keras.layers.GroupNormalization(3, epsilon=0.01)
    network = fixed_weights(keras.Model(inputs, norm(inputs)))
    source = smooth_images((1, 20, 7, 6)) + tf.reshape(tf.linspace(-2.0, 2.0, 20), (20, 1, 1))
    groups = np.reshape(source, (20, 7, 3, 2)).astype("float64")
    mean, variance = groups.mean((0, 1, 3)), groups.var((0, 1, 3))
    expected = (groups - mean[:, None]) / np.sqrt(variance[:, None] + 0.01)
    expected = expected.reshape((20, 7, 6)) * norm.gamma + norm.beta
    np.testing.assert_allclose(translate(network, source, strip=3)[0], expected, atol=1e-5)


def test_all_that_cannot_be_cut_is_named_at_once():
    image = keras.Input((None, None, 3))
    part = keras.Model(image, keras.layers.Lambda(tf.tanh, name="any")(image), name="part")
    x = part(keras.layers.Concatenate(axis=1, name="below")([image, image]))
    x = keras.layers.ReLU(name="activation")(x + keras.layers.Permute((2, 1, 3), name="turned")(x))
    message = (
        "`strip` needs layers that look at their surroundings, or at pixels alone. Received: "
        "'below', a Concatenate; 'part/any', a Lambda; 'turned', a Permute; "
        "'tf.__operators__.add', a TFOpLambda. Leave `strip` out."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        translate(keras.Model(image, x), tf.zeros((1, 8, 8, 3)), strip=2, multiple=1)


PEAK = """
import sys
import numpy as np
from tfpix2pix import unet_generator
from tfpix2pix.inference import translate

generator = unet_generator((None, None, 3), depth=3, base_filters=32)
source = np.zeros((1, int(sys.argv[1]), 512, 3), "float32")
translate(generator, source, strip=64)
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) / 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_feature_maps():
    low, high = (
        float(subprocess.check_output([sys.executable, "-c", PEAK, str(height)], text=True))
        for height in (512, 8192)
    )
    # The image and its translation grow by 45 MiB each, their copies as much; the maps of the first
    # level and the last but one, which are there at the same time, by 480.
    assert high - low < 250
