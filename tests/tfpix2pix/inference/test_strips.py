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
from tfpix2pix.layers import Conventions, InstanceNormalization, SpectralConv2D


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
    keras.layers.ZeroPadding2D(((3, 1), (0, 2))),
]


@pytest.mark.parametrize("height", [17, 18])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_every_kind_of_window_is_exact_at_cuts_and_borders(layer, height):
    image = smooth_images((1, height, 13, 2))
    expected = layer(image)
    maps = [strips._Map(image.shape, lambda start, stop: image[:, start:stop])]
    output = strips._mapped(layer, maps, 4, "per_image", None)
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


def twice_as_high(x):
    return keras.layers.Concatenate(axis=1, name="below")([x, x])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (keras.layers.GaussianNoise(0.1, name="noise"), "'noise', a GaussianNoise"),
        (keras.layers.UpSampling2D(1, interpolation="lanczos5", name="up"), "'up', a UpSampling2D"),
        (twice_as_high, "'below', a Concatenate"),
    ],
)
def test_what_cannot_be_cut_is_named(call, named):
    inputs = keras.Input((None, None, 3))
    message = (
        "`strip` needs layers that look at their surroundings, or at pixels alone. Received: "
        f"{named}. Leave `strip` out."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        translate(keras.Model(inputs, call(inputs)), tf.zeros((1, 8, 8, 3)), strip=2)


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
