"""A run in an earlier phase, and by state that is filled after its training: the toy paper's."""

import dataclasses
import re

import numpy as np
import pytest

from tests.cases.families import TEST_FAMILIES, toy_paper
from tfpix2pix import InputError, families, load_run, runs
from tfpix2pix.checkpointing import BEST, newest_checkpoint, saved_values
from tfpix2pix.data import codecs
from tfpix2pix.export import export, source_details
from tfpix2pix.testing import save_untrained
from training import evaluate, finish

COLORS = {"A": [(0, 40, 200), (80, 120, 0), (100, 20, 7)], "B": [(250, 5, 90), (150, 255, 3)]}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The toy paper, 6 steps in two phases, on images of one colour each."""
    monkeypatch.setitem(families.FAMILIES, "toy", TEST_FAMILIES["toy"])
    config = toy_paper(tmp_path / "unused")
    return config.with_data(write_colors(tmp_path / "data", COLORS))


def write_colors(folder, colors):
    for domain, ones in colors.items():
        for split in ("train", "test"):
            for index, color in enumerate(ones):
                image = np.full((36, 32, 3), color, "uint8")
                codecs.write(image, folder / f"{split}{domain}/{index}.png")
    return folder


def mean_style(colors):
    """The mean red and green of images of these colours, as networks see them."""
    return np.mean(colors, axis=0)[:2] / 127.5 - 1


def layers(run, player="AtoB"):
    return [layer.name for layer in run.model.players[player].layers]


@pytest.mark.slow
def test_a_run_is_opened_translated_and_exported_in_the_phase_of_its_checkpoint(config, tmp_path):
    run = load_run(save_untrained(config, tmp_path / "run", step=2))
    assert (run.phase.name, run.image_size) == ("rising", (16, 16))
    assert "fine_conv" not in layers(run)
    assert float(run.model.state["alpha"]) == pytest.approx(1 / 3)  # Step 2 of 3 of the phase.
    _, difference = export(run.directions, tmp_path / "model", size=run.image_size)
    assert difference < 1e-4
    details = source_details(run)
    assert {source.shape[:2] for source, _ in details["examples"]["AtoB"]} == {(16, 16)}
    result = evaluate.evaluate(run.folder, tmp_path / "evaluation", limit=1)
    assert result["runs"][0]["step"] == 2
    assert codecs.read(tmp_path / "evaluation/pictures/input/00000.png").shape == (16, 16, 3)


@pytest.mark.slow
def test_the_best_checkpoint_is_opened_in_its_own_phase(config, tmp_path):
    save_untrained(config, tmp_path / "run", step=3, place=BEST)
    run = load_run(save_untrained(config, tmp_path / "run", step=4))
    best = run.restored(best=True)
    assert [one.phase.name for one in (best, run)] == ["rising", "settled"]
    assert [one.image_size for one in (best, run)] == [(16, 16), (32, 32)]
    assert ["fine_conv" in layers(one) for one in (best, run)] == [False, True]
    pixels = np.zeros((20, 24, 3), "uint8")
    assert best.translate(pixels).shape == run.translate(pixels).shape == (20, 24, 3)


def test_phases_of_a_longer_run_are_those_of_its_start(config, tmp_path):
    folder = save_untrained(config, tmp_path / "run", step=4)
    runs.save_phases(families.get_family("toy").phases(config), folder)
    recorded = runs.load_config(folder)
    train = dataclasses.replace(recorded.train, steps=40)  # Half of 40 steps would be "rising".
    runs.save_config(dataclasses.replace(recorded, train=train), folder)
    run = load_run(folder)
    assert [phase.steps for phase in run.phases] == [3, 37]
    assert (run.phase.name, "fine_conv" in layers(run)) == ("settled", True)


@pytest.mark.slow
def test_directions_translate_by_the_state_that_is_filled(config, tmp_path, capsys):
    folder = save_untrained(config, tmp_path / "run")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype("uint8")
    for averaged in (False, True):
        run = load_run(folder, averaged=averaged)
        for name, domain in (("AtoB", "A"), ("BtoA", "B")):
            home = mean_style(COLORS[domain])
            control = run.directions[name].controls[0]
            np.testing.assert_allclose(
                control.neutral(np.zeros((2, 4, 4, 3))), [home] * 2, atol=1e-4
            )
            expected = run.translate(pixels, name, style=home)
            assert np.abs(run.translate(pixels, name).astype(int) - expected).max() <= 1
    assert not saved_values(newest_checkpoint(folder))[
        "state/home/.ATTRIBUTES/VARIABLE_VALUE"
    ].any()
    others = {"A": [(10, 10, 10)], "B": [(20, 30, 40)]}
    finish.main(folder, data=write_colors(tmp_path / "others", others))
    told = f"{folder} has the state that it translates by, after steps 7, averaged_7.\n"
    assert capsys.readouterr().out == told
    control = load_run(folder).directions["BtoA"].controls[0]
    filled = control.neutral(np.zeros((1, 4, 4, 3)))
    np.testing.assert_allclose(filled, [mean_style(others["B"])], atol=1e-4)


def test_a_run_makes_a_vector_of_each_image_by_the_weights_that_were_asked_for(config, tmp_path):
    folder = save_untrained(config, tmp_path / "run")
    run = load_run(folder, averaged=True)
    images = [np.full((size, 40, channels), 50, "uint8") for size, channels in ((32, 3), (70, 1))]
    for name, player in (("A", "AtoB"), ("B", "BtoA")):
        kernel, bias = run.model.averaged[player].get_layer("down1_conv").get_weights()
        # Of an even grey every pixel but those at the borders is the same.
        inner = np.maximum(kernel.sum((0, 1, 2)) * (50 / 127.5 - 1) + bias, 0)
        vectors = run.embed(images, name)
        assert (vectors.shape, vectors.dtype) == ((2, 6), "float32")
        np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)
        assert np.abs(vectors[0] - inner).max() < 0.2 * np.abs(inner).max() + 0.05
    np.testing.assert_array_equal(run.embed(images[:1]), run.embed(images[:1], "A"))
    assert run.embed([], "B").shape == (0, 6)
    with pytest.raises(InputError) as caught:
        run.embed(images, "C")
    assert str(caught.value) == (
        "This run has the embeddings A, B. Received: 'C'. Use one of them."
    )
    with pytest.raises(InputError) as caught:
        run.embed(images[0], "B")
    assert str(caught.value) == (
        "Images to embed must be a list of pixels `[height, width, channels]`. Received: an image "
        "of shape (40, 3). Put a single image into a list."
    )


def test_without_that_state_a_run_is_refused(config, tmp_path):
    folder = save_untrained(config, tmp_path / "run")
    runs.drop_finished(folder, 6)
    message = (
        "Models of the family 'toy' translate by state that is filled after the training. "
        f"Received: {folder}/checkpoints/ckpt-7, for which there is none. Fill it by "
        "`tfpix2pix.runs.finish_run`, which reads the training data."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        load_run(folder).translate(np.zeros((8, 8, 3), "uint8"))


def test_state_is_filled_whole_or_not_at_all(config, tmp_path, monkeypatch):
    folder = save_untrained(config, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (folder / "finished").iterdir()}
    assert {name.split(".")[0] for name in before} == {"7", "averaged_7"}
    family = families.get_family("toy")
    filled = []

    def fails(run):
        if filled:
            raise OSError("The disk is full.")
        filled.append(run)
        run.model.state["home"].assign([[9, 9], [9, 9]])

    monkeypatch.setitem(families.FAMILIES, "toy", dataclasses.replace(family, finish=fails))
    with pytest.raises(OSError, match="full"):
        runs.finish_run(folder)
    after = {path.name: path.read_bytes() for path in (folder / "finished").iterdir()}
    assert (len(filled), after) == (1, before)
    assert not list(folder.glob(".*"))


def test_a_family_without_such_state_needs_nothing(config, tmp_path, monkeypatch, capsys):
    family = dataclasses.replace(families.get_family("toy"), finish=None)
    monkeypatch.setitem(families.FAMILIES, "toy", family)
    folder = save_untrained(config, tmp_path / "run")
    finish.main(folder)
    assert capsys.readouterr().out == f"{folder} needs no more than its checkpoints.\n"
    assert not (folder / "finished").exists()
    assert load_run(folder).translate(np.zeros((8, 8, 3), "uint8")).shape == (8, 8, 3)
