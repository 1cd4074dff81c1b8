import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.geometry import PREPROCESSES, Geometry, reflect_to_multiple
from tfpix2pix.data.sources import Examples

KIND = PixelFormat(3, "uint8", (0.0, 255.0))


def examples_of(*sizes):
    """Returns examples of which only the sizes matter."""
    sizes = np.array(sizes)
    names = [f"{i}.png" for i in range(len(sizes))]
    return Examples(names, None, (KIND,) * sizes.shape[1], sizes, [])


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(PREPROCESSES),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from([1, 4, 8]),
)
def test_the_loaded_size_is_the_one_that_was_told(preprocess, size, multiple):
    geometry = Geometry((8, 16), preprocess=preprocess, multiple=multiple)
    image = tf.zeros((*size, 3), "uint8")
    assert geometry.load(image).shape == (*geometry.loaded_sizes(size), 3)
    open_sided = tf.function(
        geometry.load, input_signature=[tf.TensorSpec((None, None, 3), "uint8")]
    )
    assert open_sided(image).shape == geometry.load(image).shape


@pytest.mark.parametrize(
    ("preprocess", "loaded"),
    [
        ("resize_and_crop", (9, 18)),  # 286/256 of 8 x 16.
        ("crop", (30, 20)),
        ("scale_width_and_crop", (27, 18)),
        ("scale_width", (24, 16)),
        ("pad", (32, 24)),
        ("none", (30, 20)),
    ],
)
def test_what_each_preprocess_makes_of_20_by_30_pixels(preprocess, loaded):
    geometry = Geometry((8, 16), preprocess=preprocess, multiple=8)
    assert tuple(geometry.loaded_sizes((30, 20))) == loaded
    assert geometry.window == ((8, 16) if preprocess.endswith("crop") else None)


def test_padding_reflects_and_scaling_is_pillow_s():
    # Pillow clips what overshoots between its two passes, so the extremes are left out.
    pixels = np.random.default_rng(0).integers(64, 192, (6, 5, 3)).astype("uint8")
    padded = Geometry((8, 8), preprocess="pad", multiple=8).load(tf.constant(pixels)).numpy()
    np.testing.assert_array_equal(padded, np.pad(pixels, ((1, 1), (1, 2), (0, 0)), mode="reflect"))
    geometry = Geometry((4, 10), (4, 10), preprocess="scale_width", kernels=("nearest", "bicubic"))
    for place, kernel in enumerate((Image.NEAREST, Image.BICUBIC)):
        scaled = geometry.load(tf.constant(pixels), place).numpy().astype(int)
        expected = np.asarray(Image.fromarray(pixels).resize((10, 12), kernel))
        assert np.abs(scaled - expected).max() <= 1


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_reflection_as_often_as_needed_is_numpy_s(height, width, multiple):
    image = np.arange(height * width).reshape(1, height, width, 1)
    padded, top, left = reflect_to_multiple(tf.constant(image), multiple)
    more = [-side % multiple for side in (height, width)]
    pads = [(0, 0), *((m // 2, m - m // 2) for m in more), (0, 0)]
    # Of a single pixel NumPy's reflection is the edge too.
    np.testing.assert_array_equal(padded, np.pad(image, pads, mode="reflect"))
    assert (int(top), int(left)) == (pads[1][0], pads[2][0])


@pytest.mark.parametrize(
    ("options", "sizes", "rule", "cure"),
    [
        (
            {"preprocess": "crop"},
            [[(8, 16), (8, 16)], [(7, 99), (7, 99)]],
            "images of at least 8 x 16 pixels. Received 1 of 2 examples that differ: 1.png of "
            "7 x 99 and 7 x 99",
            'preprocess="resize_and_crop"',
        ),
        (
            {"preprocess": "scale_width"},
            [[(8, 16), (9, 16)]],
            "source and target of one size. Received 1 of 1 examples that differ: 0.png of 8 x 16 "
            "and 9 x 16",
            'preprocess="resize_and_crop"',
        ),
        (
            {"preprocess": "none", "multiple": 8},
            [[(8, 16)], *[[(8, 17)]] * 7],
            "sides that are multiples of 8. Received 7 of 8 examples that differ: 1.png of 8 x 17, "
            "2.png of 8 x 17, 3.png of 8 x 17, 4.png of 8 x 17, 5.png of 8 x 17 and 2 more",
            'preprocess="resize_and_crop", or batch_size=1 and preprocess="pad"',
        ),
        (
            {"preprocess": "pad", "multiple": 8},
            [[(8, 16)], [(9, 16)]],
            "images of one size in batches of 2. Received 1 of 2 examples that differ: 1.png of "
            "9 x 16",
            'preprocess="resize_and_crop" or batch_size=1',
        ),
    ],
)
def test_examples_that_do_not_fit_are_named(options, sizes, rule, cure):
    preprocess = options["preprocess"]
    message = f"The preprocess {preprocess!r} needs {rule}. Use {cure}."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Geometry((8, 16), **options).check(examples_of(*sizes), 2)


def test_any_sizes_can_be_resized_and_cropped():
    Geometry((8, 16)).check(examples_of([(8, 16), (9, 1)], [(7, 99), (7, 9)]), 2)


def test_unknown_and_impossible_options_are_refused():
    message = (
        "`preprocess` must be one of resize_and_crop, crop, scale_width_and_crop, scale_width, "
        "pad, none. Received: 'squash'."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Geometry((8, 8), preprocess="squash")
    message = (
        "`load_size` must be at least `image_size`. Received: load_size=(16, 15), "
        "image_size=(16, 16). Leave `load_size` out for the paper's 286/256."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Geometry((16, 16), (16, 15))


def test_held_out_images_have_no_margin_but_the_scale_of_the_training():
    """A window of 360 pixels of images of width 1024 shows a third of them, held out ones too."""
    sizes = np.array([(1536, 2048), (900, 1200)])
    part = Geometry((360, 360), (1024, 1024), preprocess="scale_width_and_crop", multiple=4)
    assert part.loaded_sizes(sizes).tolist() == [[768, 1024], [768, 1024]]
    assert part.still.loaded_sizes(sizes).tolist() == [[768, 1024], [768, 1024]]
    assert part.still.window == (360, 360)
    assert Geometry((256, 256)).still.loaded_sizes(sizes).tolist() == [[256, 256]] * 2


def test_a_window_that_networks_cannot_take_is_refused():
    message = (
        "The sides of `image_size` must be multiples of 4, as the networks need. Received: "
        "image_size=(361, 362). Use (360, 360)."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Geometry((361, 362), preprocess="scale_width_and_crop", multiple=4)
    assert Geometry((361, 362), preprocess="scale_width", multiple=4).window is None
