import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests import cases
from tfpix2pix import InputError, load_run, runs
from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.data import codecs, images, sources
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.datasets import derive
from tfpix2pix.export import export, run_details
from tfpix2pix.families import Worker, pairs
from tfpix2pix.families.family import whole
from tfpix2pix.families.pix2pix import Pix2PixConfig
from tfpix2pix.testing import save_untrained
from tfpix2pix.translation import Translator, export_translator
from tfpix2pix.translation.detectors import Detector, with_drawings
from training import prepare
from training.engine import loop

RGB = PixelFormat(3, "uint8", (0.0, 255.0))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with photos, and with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(5)
    for index in range(4):
        photo = random.integers(0, 256, (40, 36, 3)).astype("uint8")
        codecs.write(photo, f"photos/{'train' if index < 3 else 'test'}/{index}.png")
    return tmp_path


def negative(seen):
    """A detector that notes the photos that it draws, as their negatives."""

    def translate(pixels):
        seen.append(pixels)
        return [255 - pixels]

    return Translator(translate, RGB, RGB)


def read(examples):
    indices = tf.range(len(examples.names), dtype=tf.int64)
    dataset = tf.data.Dataset.from_tensor_slices(indices).map(examples.read)
    return list(dataset.as_numpy_iterator())


def test_each_content_is_drawn_once_for_each_model():
    shutil.copy("photos/train/0.png", "photos/train/again.png")
    found = sources.photos("photos", "train")
    seen = []
    detector = Detector("negative", "1", lambda: negative(seen))
    counts = []

    def progress(items, total):
        counts.append(total)
        return items

    drawn = with_drawings(found, detector, progress=progress)
    assert (len(seen), counts, drawn.formats) == (3, [3], (RGB, RGB))
    assert drawn.sizes.tolist() == [[[40, 36], [40, 36]]] * 4
    for drawing, photo in read(drawn):
        np.testing.assert_array_equal(drawing, 255 - photo)

    def fails():
        raise AssertionError("a model is opened although all is drawn")

    (spread,) = read(with_drawings(found, Detector("moved", "1", fails)).spread(1))
    np.testing.assert_array_equal(spread[0], 255 - codecs.read("photos/train/0.png"))
    photo = codecs.read("photos/train/1.png")
    codecs.write(photo[::-1], "photos/train/1.png")  # Another content under the same name.
    read(with_drawings(sources.photos("photos", "train"), detector))
    assert len(seen) == 4
    with_drawings(found, dataclasses.replace(detector, sha256="2"))
    assert len(seen) == 7


def test_a_photo_is_drawn_at_the_size_of_the_models_training():
    photo = codecs.read("photos/train/0.png")
    seen = []
    drawing = Detector("negative", "1", lambda: negative(seen), side=18).draw(photo)
    assert seen[0].shape == (20, 18, 3)
    assert drawing.shape == photo.shape
    np.testing.assert_array_equal(seen[0], images.resize(photo, (20, 18)))
    np.testing.assert_array_equal(drawing, images.resize(255 - seen[0], (40, 36)))


@pytest.fixture
def exported(folder):
    """An export from photos to grey drawings."""
    generator = cases.unet_generator((None, None, 3), 1, depth=2, base_filters=4)
    export(cases.fixed_weights(generator), folder / "edges")
    return "edges"


def config(**data):
    data = {"folder": "photos", "task": "edges", "image_size": 32, **data}
    return ExperimentConfig(
        name="tiny",
        summary="None.",
        data=DataConfig(**data),
        model=Pix2PixConfig(base_filters=4, depth=3, receptive_field=34),
        train=TrainConfig(steps=2, checkpoint_every=2, seed=6),
    )


def windows(image):
    """Returns all windows of 32 pixels of an image of 40 x 36, as they are and mirrored."""
    cut = [image[y : y + 32, x : x + 32] for y in range(9) for x in range(5)]
    return cut + [window[:, ::-1] for window in cut]


def test_drawing_and_photo_are_cropped_and_mirrored_alike(exported):
    experiment = config(edges_by=exported, preprocess="crop")
    found = runs.examples(experiment, "train")
    experiment = pairs.completed(experiment, found)
    assert (experiment.data.source_channels, experiment.data.target_channels) == (1, 3)
    photos = [codecs.read(file) for file in sorted(Path("photos/train").iterdir())]
    drawings = [export_translator(exported).translate(photo)[0] for photo in photos]
    places = dict(
        zip(
            (window.tobytes() for photo in photos for window in windows(photo)),
            (window for drawing in drawings for window in windows(drawing)),
        )
    )
    batches = pairs.training(experiment, found, whole(experiment)[0], Worker(), 0)
    for source, target in batches.take(6):
        window = places[images.to_pixels(target[0], "uint8").numpy().tobytes()]
        np.testing.assert_array_equal(images.to_pixels(source[0], "uint8"), window)


@pytest.mark.slow
def test_a_run_draws_as_it_translates_and_so_does_its_export(folder):
    run = load_run(save_untrained(config(task="colorization", image_size=16), folder / "run"))
    detector = runs.open_detector("run")
    photo = codecs.read("photos/test/3.png")
    small = images.resize(photo, (18, 16)).numpy()
    expected = images.resize(run.translate(small), (40, 36)).numpy()
    np.testing.assert_array_equal(detector.draw(photo), expected)
    export(run.directions, folder / "exported", size=(16, 16), card=run_details(run))
    drawn = runs.open_detector("exported").draw(photo)
    np.testing.assert_allclose(drawn.astype(int), expected, atol=1)

    sha256 = detector.sha256
    save_untrained(run.config, folder / "other", step=8)
    assert runs.open_detector("other").sha256 != sha256
    shutil.move("run", "elsewhere")
    assert runs.open_detector("elsewhere").sha256 == sha256


@pytest.mark.slow
def test_a_training_records_its_model_and_goes_on_with_it_alone(exported, folder):
    loop.train(config(edges_by="edges"), "run")
    trained = load_run("run")
    sha256 = runs.open_detector("edges").sha256
    assert trained.config.data.edges_by_sha256 == sha256
    assert trained.translate(np.zeros((40, 36, 1), "uint8")).shape == (40, 36, 3)
    assert run_details(trained)["config"]["data"]["edges_by"] is None  # A card tells no places.

    shutil.move("edges", "moved")
    longer = dataclasses.replace(config(edges_by="moved"), train=TrainConfig(steps=3, seed=6))
    longer = dataclasses.replace(
        longer, train=dataclasses.replace(longer.train, checkpoint_every=2)
    )
    assert loop.train(longer, "run")[1] == 3
    other = cases.unet_generator((None, None, 3), 1, depth=2, base_filters=4, seed=9)
    export(other, folder / "moved")  # The next version.
    new = runs.open_detector("moved").sha256
    message = (
        "The model that draws edges must stay the one that the training started with. Received: "
        f"'moved', whose weights have the SHA-256 {new[:8]}..., not {sha256[:8]}... Give the "
        "model of that time, or start another run."
    )
    for call in (lambda: loop.train(longer, "run"), lambda: load_run("run").examples("train")):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value) == message
    with pytest.raises(InputError) as caught:
        loop.train(config(), "run")
    assert "data.edges_by_sha256" in str(caught.value)


def test_what_is_neither_run_nor_export_is_refused():
    Path("edges.onnx").write_bytes(b"ONNX")
    for name in ("edges.onnx", "photos", "nothing"):
        with pytest.raises(InputError) as caught:
            runs.examples(config(edges_by=name), "train")
        assert str(caught.value) == (
            "A model that draws edges is the folder of a run or of an export. Received: "
            f"'{name}', which is neither. Check the spelling; of a file such as edges.onnx, name "
            "the run or the export that it was made of."
        )


def test_edges_are_drawn_for_their_task_alone():
    with pytest.raises(InputError) as caught:
        config(task="pairs", edges_by="edges")
    assert str(caught.value) == (
        "`edges_by` is the model that draws the photos of the task edges. Received: task='pairs', "
        "edges_by='edges'. Set `task` to edges, or leave the model out."
    )


def test_photos_and_drawings_that_do_not_fit_are_refused():
    deep = np.zeros((8, 8, 6), "uint16")
    with pytest.raises(InputError) as caught:
        Detector("runs/hed", "1", lambda: negative([])).draw(deep)
    assert str(caught.value) == (
        "The model that draws edges must take the pixels of the photos. Received: photos of 6 "
        "channels of uint16 for 'runs/hed', which takes 3 channels of uint8. Use a model that was "
        "trained on such photos."
    )
    floats = Translator(lambda pixels: [np.zeros((8, 8, 3), "float32")], RGB, RGB)
    with pytest.raises(InputError) as caught:
        Detector("runs/hed", "1", lambda: floats).draw(np.zeros((8, 8, 3), "uint8"))
    assert str(caught.value) == (
        "The model that draws edges must draw grey or RGB of 8 or 16 bits. Received: 'runs/hed', "
        "which gives 3 channels of float32. Use a model from photos to edges."
    )


def test_a_cache_that_cannot_be_written_is_named(folder, monkeypatch):
    (folder / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "file"))
    with pytest.raises(InputError) as caught:
        with_drawings(sources.photos("photos"), Detector("negative", "1", lambda: negative([])))
    assert str(caught.value) == (
        "Drawings are kept in the user's cache folder, which must be writable. Received: "
        f"{folder}/file/tfpix2pix/drawings/1 (Not a directory). Make room, or set XDG_CACHE_HOME "
        "to a folder that is."
    )


def test_pairs_are_prepared_by_a_model(exported, capsys):
    prepare.main(["edges", "photos", "--by", "edges", "--to", "pairs"])
    assert "pairs: 4 files made, 0 were there already." in capsys.readouterr().out
    photo = codecs.read("photos/test/3.png")
    drawing, copy = np.split(codecs.read("pairs/test/3.png"), 2, axis=1)
    np.testing.assert_array_equal(copy, photo)
    expected = export_translator("edges").translate(photo)[0]
    np.testing.assert_array_equal(drawing, np.repeat(expected, 3, axis=-1))
    with pytest.raises(InputError) as caught:
        derive.edges("photos", "more", method=lambda photo: photo, samples=2)
    assert str(caught.value) == (
        "A model draws a photo in one way: `samples` must be 1. Received: 2. Leave it out, or the "
        "model."
    )
