import io
import re
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow import keras
from tensorflow.core.protobuf import saved_model_pb2

from tests.cases import fixed_weights, open_generator, smooth_images
from tfpix2pix import InputError, export, inference
from tfpix2pix.data import images
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.networks import resnet_generator, unet_generator


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


def test_all_signatures_share_one_body_of_weights(exported):
    generator, exports = exported
    stored = tf.train.list_variables(str(exports / "tiny/1/variables/variables"))
    shapes = [shape for name, shape in stored if name.endswith("VARIABLE_VALUE")]
    assert sorted(shapes) == sorted(list(weight.shape) for weight in generator.weights)
    loaded = tf.saved_model.load(str(exports / "tiny/1"))
    bodies = [signature.variables for signature in loaded.signatures.values()]
    assert len(bodies) == 4
    assert len({id(variable) for body in bodies for variable in body}) == len(generator.weights)


def test_pixels_are_served_as_pixels(exported, signatures):
    pixels = np.random.default_rng(2).integers(0, 256, (2, 5, 9, 3)).astype("uint8")
    output = signatures["uint8"](image=tf.constant(pixels))["output"]
    assert output.dtype == "uint8"
    translated = inference.translate(exported[0], pixels.astype("float32") / 127.5 - 1).numpy()
    expected = np.clip(np.rint((translated + 1) * 127.5), 0, 255)
    assert np.abs(output.numpy().astype(int) - expected).max() <= 1


def test_a_sample_depends_on_its_image_and_seed_alone(tmp_path):
    generator = fixed_weights(unet_generator((None, None, 3), depth=3, base_filters=4))
    version, difference = export.export(generator, tmp_path)
    assert difference < 1e-5
    serve = tf.saved_model.load(str(version)).signatures["sampled"]
    random = np.random.default_rng(3)
    sizes = [(6, 8), (9, 5), (6, 8)]
    pictures = [random.integers(0, 256, (*size, 3)).astype("uint8") for size in sizes]

    def sampled(pictures, seeds):
        files = tf.constant([png(picture) for picture in pictures])
        output = serve(image_bytes=files, seed=tf.constant(seeds, "int64"))["output_bytes"].numpy()
        return [np.asarray(Image.open(io.BytesIO(encoded))).astype(int) for encoded in output]

    for picture, seed, output in zip(pictures, (4, 9, 4), sampled(pictures, (4, 9, 4))):
        source = picture.astype("float32")[np.newaxis] / 127.5 - 1
        expected = inference.translate(generator, source, samples=1, seed=seed)[0, 0].numpy()
        assert np.abs(output - (expected + 1) * 127.5).max() < 1.01
    first, other, again = sampled(pictures[:1] * 3, (4, 9, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 2


def test_16_bits_have_no_signature_of_8_and_no_dropout_no_samples():
    sixteen = Pairs((PixelFormat(3, "uint8", (0, 255)), PixelFormat(3, "uint16", (0, 65535))))
    generator = open_generator(dropout_levels=0)
    served = export.signatures(export.named_directions(generator, sixteen), {})
    assert sorted(served) == ["float", "model_card", "serving_default"]


def test_what_png_cannot_hold_is_sampled_as_floats():
    generator = unet_generator((None, None, 2), depth=3, base_filters=4)
    six = Pairs((PixelFormat(2, "float32", (0, 1)), PixelFormat(3, "uint8", (0, 255))))
    sampled = export.signatures(export.named_directions(generator, six), {})["sampled"]
    specs = [(spec.name, spec.dtype) for spec in sampled.input_signature]
    assert specs == [("image", "float32"), ("seed", "int64")]


@pytest.mark.slow
def test_a_known_size_changes_no_result(tmp_path):
    generator = fixed_weights(unet_generator((None, None, 3), depth=2, base_filters=16))
    version, difference = export.export(generator, tmp_path, size=(12, 8))
    assert difference < 1e-5
    graph = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    functions = graph.meta_graphs[0].graph_def.library.function
    assert any(node.op == "Einsum" for function in functions for node in function.node_def)


def png_of_size(height, width):
    """The head of a PNG: what it declares decides, before anything is decoded."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02"


def bmp_of_size(height, width):
    """The head of a BMP, of rows from the top where the height is negative."""
    return b"BM" + struct.pack("<IIIIii", 0, 0, 54, 40, width, height)


def refused(size, most_pixels):
    return re.escape(
        f"assertion failed: [An image must have at least 1 pixel and at most {most_pixels}. "
        f"Received: [height width]] [{size}] [Scale it, or cut it into parts.]"
    )


@pytest.mark.parametrize(
    ("encoded", "size"),
    [
        (png_of_size(20000, 50000), "20000 50000"),
        (png_of_size(0, 7), "0 7"),
        (bmp_of_size(9000, 8000), "9000 8000"),
        (bmp_of_size(-9000, 8000), "9000 8000"),
        (b"GIF89a" + struct.pack("<HH", 8000, 9000), "9000 8000"),
    ],
)
def test_files_that_declare_too_many_pixels_are_refused_undecoded(signatures, encoded, size):
    with pytest.raises(tf.errors.InvalidArgumentError, match=refused(size, 2**24)):
        signatures["serving_default"](image_bytes=tf.constant([encoded]))


def test_the_limit_holds_for_every_signature():
    task = Pairs((PixelFormat(3, "uint8", (0, 255)),) * 2)
    generator = unet_generator((None, None, 3), depth=3, base_filters=4)
    served = export.signatures(export.named_directions(generator, task), {}, most_pixels=40)
    pixels = np.zeros((1, 6, 7, 3), "uint8")
    requests = {
        "float": {"image": pixels.astype("float32")},
        "uint8": {"image": pixels},
        "sampled": {"image_bytes": [png(pixels[0])], "seed": [1]},
        "serving_default": {"image_bytes": [png(pixels[0], "jpeg")]},
    }
    assert {*requests, "model_card"} == set(served)
    for name, inputs in requests.items():
        tensors = {alias: tf.constant(value) for alias, value in inputs.items() if alias != "seed"}
        if "seed" in inputs:
            tensors["seed"] = tf.constant(inputs["seed"], "int64")
        with pytest.raises(tf.errors.InvalidArgumentError, match=refused("6 7", 40)):
            served[name](**tensors)


def test_other_files_are_refused_in_the_words_of_tensorflow(signatures):
    for encoded, words in ((b"", "Input is empty"), (b"text", "Unknown image file format")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            signatures["serving_default"](image_bytes=tf.constant([encoded]))


def test_dropout_is_off(signatures):
    source = smooth_images((1, 8, 8, 3))
    first, again = (signatures["float"](image=source)["output"] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_batch_norm_generator_is_exported_with_the_statistics_of_each_image(tmp_path):
    generator = fixed_weights(open_generator(norm="batch"))
    _, difference = export.export(generator, tmp_path)
    assert difference < 1e-5


def test_versions_rise_and_foreign_folders_are_no_versions(tmp_path):
    for name in ("7", "v9", ".part-1", "0.5"):
        (tmp_path / name).mkdir()
    (tmp_path / "12").write_text("a file")
    assert export.versions(tmp_path) == [7]
    version, _ = export.export(open_generator(), tmp_path)
    assert version == tmp_path / "8"
    assert export.versions(tmp_path) == [7, 8]


def test_the_oldest_versions_go_once_the_new_one_is_in_place(tmp_path):
    for name in ("003", "7", "9", "v1", ".part-1"):
        (tmp_path / name).mkdir()
    present = []
    version, _ = export.export(
        open_generator(), tmp_path, keep=2, finish=lambda part: present.extend(tmp_path.iterdir())
    )
    assert {path.name for path in present} >= {"003", "7", "9"}
    assert {path.name for path in tmp_path.iterdir()} == {"9", "10", "v1", ".part-1"}
    assert version == tmp_path / "10"


def test_no_version_is_kept_is_refused(tmp_path):
    message = "`keep` must be at least 1. Received: keep=0. Leave it out to keep all versions."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        export.export(open_generator(), tmp_path / "new", keep=0)
    assert not (tmp_path / "new").exists()


def test_what_fails_to_be_finished_is_not_published(tmp_path):
    def fail(part):
        assert (part / "saved_model.pb").exists()
        raise OSError("no space")

    with pytest.raises(OSError, match=r"^no space$"):
        export.export(open_generator(), tmp_path, finish=fail)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_differs_is_refused_and_leaves_nothing_behind(tmp_path):
    source = keras.Input((None, None, 3))
    noisy = keras.layers.Lambda(lambda x: x + tf.random.normal(tf.shape(x)))(source)
    with pytest.raises(InputError) as caught:
        export.export(keras.Model(source, noisy), tmp_path / "noisy")
    message = (
        "The exported model must agree with the trained one within 0.0001. Received: a difference "
        f"of N; nothing was published to {tmp_path / 'noisy'}. Leave layers that are random or "
        "depend on the batch at inference out of the generator."
    )
    assert re.sub(r"of \d\S*;", "of N;", str(caught.value)) == message
    assert list((tmp_path / "noisy").iterdir()) == []


def test_deep_resnets_are_compared_where_norms_have_pixels_enough(tmp_path):
    """On maps of two pixels these weights make rounding errors of 1e-7 differences of 2e-4."""
    generator = resnet_generator((None, None, 3), base_filters=4, blocks=9, seed=0)
    assert export.export(generator, tmp_path / "deep")[1] < 1e-5


def test_parity_notices_other_weights(exported):
    other = fixed_weights(open_generator())
    other.get_layer("head_conv").bias.assign([0.1, 0.0, 0.0])
    assert export.parity(other, exported[1] / "tiny/1") > 1e-2
