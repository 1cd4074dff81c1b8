import io
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow import keras

from tests.cases import fixed_weights, open_generator, smooth_images
from tfpix2pix import InputError, inference
from tfpix2pix.data import images
from tfpix2pix.export import export, parity, versions


@pytest.fixture(scope="module")
def signatures(exported):
    return tf.saved_model.load(str(exported[1] / "tiny/1")).signatures


def png(pixels, kind="png"):
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, kind)
    return encoded.getvalue()


def test_signatures_have_the_documented_names_and_a_batch_dimension(signatures):
    described = {
        name: (signature.structured_input_signature[1], signature.structured_outputs)
        for name, signature in signatures.items()
    }
    files, floats = described["serving_default"], described["float"]
    assert {name: spec.shape.as_list() for name, spec in files[0].items()} == {
        "image_bytes": [None]
    }
    assert {name: spec.dtype for name, spec in files[1].items()} == {"output_bytes": tf.string}
    assert floats[0]["image"].shape.as_list() == [None, None, None, 3]
    assert list(floats[1]) == ["output"]


def test_files_of_a_batch_may_differ_in_size_and_do_not_touch_each_other(exported, signatures):
    generator = exported[0]
    random = np.random.default_rng(1)
    sizes = [(8, 12), (5, 7), (16, 4)]
    pictures = [random.integers(0, 256, (*size, 3)).astype("uint8") for size in sizes]
    served = signatures["serving_default"](image_bytes=tf.constant([png(p) for p in pictures]))
    for picture, encoded in zip(pictures, served["output_bytes"].numpy()):
        output = np.asarray(Image.open(io.BytesIO(encoded)))
        expected = inference.translate(generator, images.to_signed(picture)[None])[0]
        assert np.abs(output.astype(int) - images.to_pixels(expected)).max() <= 1


def test_jpeg_files_and_empty_batches_are_served(signatures):
    serve = signatures["serving_default"]
    jpeg = png(np.full((8, 8, 3), 99, "uint8"), "jpeg")
    assert serve(image_bytes=tf.constant([jpeg]))["output_bytes"].shape == (1,)
    assert serve(image_bytes=tf.constant([], tf.string))["output_bytes"].shape == (0,)


def test_weights_are_constants(exported):
    loaded = tf.saved_model.load(str(exported[1] / "tiny/1"))
    assert not loaded.signatures["float"].variables
    assert not tf.train.list_variables(str(exported[1] / "tiny/1/variables/variables"))[1:]


def test_dropout_is_off(signatures):
    source = smooth_images((1, 8, 8, 3))
    first, again = (signatures["float"](image=source)["output"] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_batch_norm_generator_is_exported_with_the_statistics_of_each_image(tmp_path):
    generator = fixed_weights(open_generator(norm="batch"))
    _, difference = export(generator, tmp_path)
    assert difference < 1e-5


def test_versions_rise_and_foreign_folders_are_no_versions(tmp_path):
    for name in ("7", "v9", ".part-1", "0.5"):
        (tmp_path / name).mkdir()
    (tmp_path / "12").write_text("a file")
    assert versions(tmp_path) == [7]
    version, _ = export(open_generator(), tmp_path)
    assert version == tmp_path / "8"
    assert versions(tmp_path) == [7, 8]


def test_an_export_that_differs_is_refused_and_leaves_nothing_behind(tmp_path):
    source = keras.Input((None, None, 3))
    noisy = keras.layers.Lambda(lambda x: x + tf.random.normal(tf.shape(x)))(source)
    with pytest.raises(InputError) as caught:
        export(keras.Model(source, noisy), tmp_path / "noisy")
    message = (
        "The exported model must agree with the trained one within 0.0001. Received: a difference "
        f"of N; nothing was published to {tmp_path / 'noisy'}. Leave layers that are random or "
        "depend on the batch at inference out of the generator."
    )
    assert re.sub(r"of \d\S*;", "of N;", str(caught.value)) == message
    assert list((tmp_path / "noisy").iterdir()) == []


def test_parity_notices_other_weights(exported):
    other = fixed_weights(open_generator())
    other.get_layer("head_conv").bias.assign([0.1, 0.0, 0.0])
    assert parity(other, exported[1] / "tiny/1") > 1e-2
