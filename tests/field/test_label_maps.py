"""Label maps as segmentation tools write them."""

import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix import InputError, load_run
from tfpix2pix.config import DataConfig, ExperimentConfig
from tfpix2pix.data import codecs
from tfpix2pix.families import get_family, pixels, preset
from tfpix2pix.families.pix2pix import Pix2PixConfig
from tfpix2pix.testing import save_untrained
from tfpix2pix.translation import direction_translator, translate_files

RANDOM = np.random.default_rng(13)
VOC = [number * 37 % 256 for number in range(768)]  # A colour for each index.


def write(folder, encode, count=3):
    """Writes label maps as A beside photos; returns their ids."""
    maps = []
    for index in range(count):
        ids = RANDOM.integers(0, 3, (2, 2)).repeat(4, 0).repeat(4, 1).astype("uint8")
        path = folder / f"train/A/{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(ids))
        photo = RANDOM.integers(0, 256, (8, 8, 3)).astype("uint8")
        codecs.write(photo, folder / f"train/B/{index}.png")
        maps.append(ids)
    return maps


def png(image):
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def palette(ids):
    image = Image.fromarray(ids, "P")
    image.putpalette(VOC)
    return png(image)


def seen(folder, **options):
    """Returns what networks see of each label map."""
    data = DataConfig(
        folder=str(folder), image_size=(8, 8), load_size=(8, 8), flip=False, **options
    )
    config = ExperimentConfig("maps", "", data, Pix2PixConfig(depth=2))
    examples = get_family("pix2pix").feed.examples(config, "train")
    task = pixels.task(config)
    images = [examples.read(tf.constant(index, "int64"))[0] for index in range(3)]
    return np.stack([task.source(image) for image in images])


def one_hot(maps, classes):
    return np.where(np.stack(maps)[..., None] == np.arange(classes), 1.0, -1.0)


def test_indices_of_palettes_are_labels(tmp_path):
    """PASCAL VOC and ADE20K: the grey values of the palette's colours were trained on."""
    maps = write(tmp_path, palette)
    np.testing.assert_array_equal(seen(tmp_path, source_labels=150), one_hot(maps, 150))


def test_void_is_no_class_where_it_is_named(tmp_path):
    """255 around objects in VOC, and as "ignore" in COCO and ADE20K."""

    def with_void(ids):
        return palette(np.where(np.eye(8) > 0, 255, ids).astype("uint8"))

    maps = write(tmp_path, with_void)
    with pytest.raises(InputError) as error:
        seen(tmp_path, source_labels=3)
    assert (
        "it has the id 255, and the greatest of its place is 2; of pixels of no class give "
        "ignored_label"
    ) in str(error.value)
    expected = one_hot([np.where(np.eye(8) > 0, 255, ids) for ids in maps], 3)
    assert (expected.max(-1) == -1).sum() == 24
    images = seen(tmp_path, source_labels=3, ignored_label=255)
    np.testing.assert_array_equal(images, expected)


@pytest.mark.parametrize("mode", ["1", "L"])
def test_masks_are_two_classes(tmp_path, mode):
    """Black and white of GIMP and Photoshop, of one bit or as 0 and 255."""
    maps = write(
        tmp_path, lambda ids: png(Image.fromarray((ids > 0).astype("uint8") * 255).convert(mode))
    )
    expected = one_hot([(ids > 0).astype(int) for ids in maps], 2)
    np.testing.assert_array_equal(seen(tmp_path, source_labels=2), expected)


def test_maps_of_colours_are_refused_by_name_where_numbers_are_meant(tmp_path):
    write(tmp_path, lambda ids: png(Image.fromarray(np.stack([40 * ids] * 3, -1))))
    with pytest.raises(
        InputError, match="it has 3 channels, and a map of ids is grey or has a pal"
    ):
        seen(tmp_path, source_labels=3)


def test_files_are_translated_by_their_indices(tmp_path):
    """The colours of a palette became grey values, and these classes that were not meant."""
    maps = write(tmp_path, palette)
    config = preset("pix2pix_debug").with_data(tmp_path)
    options = {"source_labels": 3, "ignored_label": 255, "direction": "AtoB"}
    data = dataclasses.replace(config.data, **options)
    run = load_run(save_untrained(dataclasses.replace(config, data=data), tmp_path / "run"))
    (direction,) = run.directions.values()
    done = translate_files(direction_translator(direction), tmp_path / "train/A", tmp_path / "out")
    assert done.failures == {}
    for index, ids in enumerate(maps):
        expected = run.translate(ids[..., np.newaxis])
        np.testing.assert_array_equal(codecs.read(tmp_path / f"out/{index}.png"), expected)
