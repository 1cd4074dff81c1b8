"""Every task and kind of data through training, checkpoint, export and back to a file."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix import inference, runs
from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.data import codecs, images
from tfpix2pix.data.palettes import CMP_FACADES
from tfpix2pix.datasets import synthetic
from tfpix2pix.export import export
from tfpix2pix.families.pix2pix import Pix2PixConfig
from training.engine import loop

MODEL = Pix2PixConfig(base_filters=2, depth=2, receptive_field=16)


def trained(run, folder, **options):
    """Returns the task and the network of a run of two steps, rebuilt from its folder alone."""
    data = DataConfig(folder=str(folder), image_size=16, **options)
    train = TrainConfig(steps=2, log_every=1, checkpoint_every=2)
    loop.train(ExperimentConfig("tiny", "", data=data, model=MODEL, train=train), run)
    with Image.open(run / "samples/000002.png") as picture:
        assert picture.size[0] > 3 * 128
    _, direction = runs.load_run(run).direction()
    return direction.task, direction.network


def served(generator, task, folder, pixels):
    """Returns the answer of an export for an image, and that of this process."""
    version, difference = export(generator, folder, task=task)
    assert difference < 1e-5
    encoded = tf.constant([codecs.encode(pixels, ".png")])
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    answer = codecs.decode(signature(image_bytes=encoded)["output_bytes"][0].numpy()).pixels
    source = task.source(tf.constant(pixels))[tf.newaxis]
    expected = task.picture(source, inference.translate(generator, source))[0].numpy()
    return answer, expected


def facades(folder, count=3, size=(16, 24)):
    for split, seed in (("train", 0), ("test", 1)):
        for index in range(count):
            yield folder / split, index, *synthetic.facade(size, (seed, index))


@pytest.mark.slow
def test_sixteen_bits_of_any_size_go_through_all_of_it(tmp_path):
    """12-bit scans in 16-bit TIFF files to 16-bit colour, sizes that differ, two folders."""
    random = np.random.default_rng(0)
    for index in range(3):
        size = (16 + index, 21)
        source = random.integers(0, 4096, (*size, 1)).astype("uint16")
        codecs.write(source, tmp_path / f"data/A/{index}.tiff")
        color = np.repeat(source * 16 + 15, 3, axis=-1)
        codecs.write(color, tmp_path / f"data/B/{index}.png")
    task, generator = trained(
        tmp_path / "run", tmp_path / "data", preprocess="pad", source_range=(0, 4095)
    )
    assert task.source_format == (1, "uint16", (0, 4095))
    assert task.target_format == (3, "uint16", (0, 65535))
    answer, expected = served(generator, task, tmp_path / "exports", source)
    assert (answer.dtype, answer.shape) == (np.uint16, (18, 21, 3))
    np.testing.assert_allclose(answer.astype(int), expected, atol=1)
    assert len(np.unique(answer)) > 300  # More than 8 bits have.


@pytest.mark.slow
def test_colourization_answers_photos_for_photos(tmp_path):
    for folder, index, photo, _ in facades(tmp_path / "photos"):
        codecs.write(photo, folder / f"{index}.png")
    task, generator = trained(tmp_path / "run", tmp_path / "photos", task="colorization")
    assert (generator.input_shape[-1], generator.output_shape[-1]) == (1, 2)
    answer, expected = served(generator, task, tmp_path / "exports", photo)
    np.testing.assert_allclose(answer.astype(int), expected, atol=1)
    # Lightness is the photo's own, whatever an untrained network makes of the colour.
    lightness, photo_lightness = (
        np.asarray(Image.open(io.BytesIO(codecs.encode(image, ".png"))).convert("L"), float)
        for image in (answer, photo)
    )
    assert np.corrcoef(lightness.ravel(), photo_lightness.ravel())[0, 1] > 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "channels"),
    [
        ({"source_labels": "cmp_facades"}, (12, 3)),
        ({"direction": "AtoB", "target_labels": "cmp_facades"}, (3, 12)),
        ({"source_brightness": 0.2, "source_noise": 0.1, "preprocess": "crop"}, (3, 3)),
        ({"task": "inpainting", "source_kernel": "area"}, (3, 3)),
        ({"task": "edges", "preprocess": "scale_width_and_crop"}, (3, 3)),
    ],
    ids=str,
)
def test_every_task_goes_through_all_of_it(tmp_path, options, channels):
    for folder, index, photo, labels in facades(tmp_path / "data"):
        images_of_file = [photo] if "task" in options else [photo, labels]
        codecs.write(np.concatenate(images_of_file, axis=1), folder / f"{index}.png")
    options = {"direction": "BtoA", **options}
    task, generator = trained(tmp_path / "run", tmp_path / "data", **options)
    assert (generator.input_shape[-1], generator.output_shape[-1]) == channels
    request = labels if options["direction"] == "BtoA" else photo
    answer, expected = served(generator, task, tmp_path / "exports", request)
    assert np.mean(np.abs(answer.astype(int) - expected) <= 1) > 0.999
    if "target_labels" in options:
        colors = {tuple(color) for color in answer.reshape(-1, 3).tolist()}
        assert colors <= set(CMP_FACADES.values())


@pytest.mark.slow
def test_what_png_cannot_hold_is_served_as_floats(tmp_path):
    random = np.random.default_rng(0)
    for index in range(2):
        codecs.write(random.random((16, 16, 5), "float32"), tmp_path / f"data/A/{index}.npy")
        codecs.write(random.random((16, 16, 1), "float32"), tmp_path / f"data/B/{index}.tiff")
    task, generator = trained(tmp_path / "run", tmp_path / "data")
    version, _ = export(generator, tmp_path / "exports", task=task)
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    assert signature.structured_input_signature[1]["image"].shape.as_list() == [None] * 3 + [5]
    source = images.to_signed(random.random((1, 9, 7, 5), "float32"))
    translated = inference.translate(generator, source)
    np.testing.assert_allclose(signature(image=source)["output"], translated, atol=1e-5)
