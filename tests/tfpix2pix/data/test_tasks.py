import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage import color as reference

from tfpix2pix import InputError
from tfpix2pix.data import color, edges, tasks
from tfpix2pix.data.base_task import kinds
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.palettes import CMP_FACADES
from tfpix2pix.datasets import synthetic

RANDOM = np.random.default_rng(0)
RGB = PixelFormat(3, "uint8", (0.0, 255.0))
KEY = tf.constant([3, 5], tf.int64)


def photo(*shape):
    return tf.constant(RANDOM.integers(0, 256, (*shape, 3)).astype("uint8"))


@settings(max_examples=30, deadline=None)
@given(arrays.arrays("float32", (4, 5, 3), elements=st.floats(0, 1, width=32)))
def test_lab_is_that_of_scikit_image(rgb):
    lab = color.to_lab(tf.constant(rgb)).numpy()
    np.testing.assert_allclose(lab, reference.rgb2lab(rgb), atol=2e-3)
    np.testing.assert_allclose(color.from_lab(tf.constant(lab)), rgb, atol=2e-4)


def test_colours_beyond_a_screen_are_clipped_as_in_scikit_image():
    lab = np.array([[[50.0, 100.0, -100.0], [90.0, -90.0, 90.0], [0.0, 0.0, 0.0]]])
    expected = reference.lab2rgb(lab)
    np.testing.assert_allclose(color.from_lab(tf.constant(lab, tf.float32)), expected, atol=2e-3)


def test_a_pair_is_mapped_by_its_kinds_and_back():
    formats = (RGB, PixelFormat(1, "uint16", (0.0, 4095.0)))
    task = tasks.task("pairs", formats)
    images = photo(4, 6), tf.constant([[[0], [4095]]], "uint16")
    source, target = task.example(images, KEY)
    np.testing.assert_allclose(source, images[0].numpy() / 127.5 - 1, atol=1e-6)
    assert target.numpy().ravel().tolist() == [-1.0, 1.0]
    np.testing.assert_array_equal(task.source_picture(source), images[0])
    np.testing.assert_array_equal(task.picture(source, target), images[1])
    assert (task.channels, task.picture(source, target).dtype) == ((3, 1), tf.uint16)


def test_numbered_labels_are_one_hot_and_come_back():
    task = tasks.task("pairs", (PixelFormat(1, "uint8", (0.0, 4.0)), RGB), labels=(5, None))
    ids = tf.constant([[[0], [4], [2]]], "uint8")
    source, _ = task.example((ids, photo(1, 3)), KEY)
    expected = [[1, -1, -1, -1, -1], [-1, -1, -1, -1, 1], [-1, -1, 1, -1, -1]]
    assert source[0].numpy().tolist() == expected
    np.testing.assert_array_equal(task.source_picture(source), ids)
    assert task.channels == (5, 3)


def test_coloured_labels_survive_jpeg():
    _, labels = synthetic.facade((64, 64), seed=4)
    task = tasks.task("pairs", (RGB, RGB), labels=(None, "cmp_facades"))
    jpeg = tf.io.decode_jpeg(tf.io.encode_jpeg(labels, quality=95, chroma_downsampling=False))
    assert np.abs(jpeg.numpy().astype(int) - labels).max() > 3
    _, target = task.example((jpeg, jpeg), KEY)
    assert set(np.unique(target)) == {-1.0, 1.0}
    assert (target.numpy().sum(axis=-1) == -10).all()
    same = (task.picture(None, target[tf.newaxis])[0].numpy() == labels).all(axis=-1)
    assert same.mean() > 0.97  # Blur makes a third colour of two only at their borders.
    assert task.channels == (3, 12)
    # The nearest by brute force.
    palette = np.array(list(CMP_FACADES.values()), float)
    nearest = ((jpeg.numpy()[..., None, :] - palette) ** 2).sum(-1).argmin(-1)
    np.testing.assert_array_equal(target.numpy().argmax(-1), nearest)


def test_colourization_learns_ab_from_l_as_the_reference_code():
    task = tasks.task("colorization", (RGB,))
    pixels = photo(8, 6)
    source, target = task.example((pixels,), KEY)
    lab = reference.rgb2lab(pixels.numpy())
    np.testing.assert_allclose(source, lab[..., :1] / 50 - 1, atol=1e-4)
    np.testing.assert_allclose(target, lab[..., 1:] / 110, atol=1e-4)
    whole = task.picture(source, target).numpy().astype(int)
    assert np.abs(whole - pixels).max() <= 1
    grey = task.source_picture(source).numpy().astype(int)
    assert np.ptp(grey, axis=-1).max() <= 1
    assert task.channels == (1, 2)


def test_inpainting_lacks_the_centre_of_each_side_and_of_each_image():
    task = tasks.task("inpainting", (PixelFormat(1, "uint16", (0.0, 65535.0)),))
    pixels = tf.zeros((2, 8, 13, 1), "uint16")
    expected = np.full((8, 13), -1.0)
    expected[2:6, 3:10] = 1  # From a quarter to three quarters.
    for image in task.source(pixels).numpy():
        np.testing.assert_array_equal(image[..., 0], expected)
    source, target = task.example((pixels[0],), KEY)
    assert (source.numpy().max(), target.numpy().max()) == (1, -1)


def test_edges_are_drawn_anew_for_each_key_and_the_same_for_the_same():
    image, _ = synthetic.facade((48, 48), seed=1)
    task = tasks.task("edges", (RGB,))

    def drawn(*key):
        dataset = tf.data.Dataset.from_tensors((tf.constant(image), tf.constant(key, tf.int64)))
        ((source, target),) = dataset.map(lambda photo, key: task.example((photo,), key))
        np.testing.assert_array_equal(task.picture(source, target), image)
        return source.numpy()

    first = drawn(1, 2)
    np.testing.assert_array_equal(first, edges.sampled(image, (1, 2)) / 127.5 - 1)
    np.testing.assert_array_equal(drawn(1, 2), first)
    assert np.abs(drawn(1, 3) - first).max() == 2


def test_what_is_judged_is_made_of_the_plain_drawing():
    image, _ = synthetic.facade((48, 48), seed=1)
    task = tasks.task("edges", (RGB,))
    dataset = tf.data.Dataset.from_tensors(image)
    ((source, target),) = dataset.map(lambda photo: task.still((photo,)))
    np.testing.assert_array_equal(source, edges.extract(image) / np.float32(127.5) - 1)
    np.testing.assert_array_equal(target, task.target(image))


def test_unknown_tasks_and_palettes_are_refused():
    message = (
        f"`task` must be one of {', '.join(kinds())}. Received: 'style'. Import the paper that has "
        "it, or use one of these."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        tasks.task("style", (RGB,))
    for labels in ("ade20k", 1, {"all": (0, 0, 0)}):
        message = (
            "Labels must be a count of at least 2 classes, a dict of 2 or more class names to RGB "
            f"colours, or one of cmp_facades. Received: {labels!r}."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            tasks.task("pairs", (RGB, RGB), labels=(labels, None))
