"""The toy paper through all programs: trained, killed, resumed, exported, served and asked."""

import base64
import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from serving.client import Client
from serving.page.layout import build, launch
from serving.page.translator import Translator
from serving.process import local_server
from tests.cases.families import TEST_FAMILIES, write_domains
from tests.serving.page.test_page import call
from tfpix2pix import families, load_run
from tfpix2pix.checkpointing import newest_checkpoint, saved_values
from tfpix2pix.data import codecs

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
STEPS = 60


def program(folder, *arguments):
    """Starts a program that knows the toy paper."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.cases.known", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(folder, *arguments):
    process = program(folder, *arguments)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`data`, and `runs/whole` and `runs/killed`, the second killed in either phase."""
    folder = tmp_path_factory.mktemp("toy")
    write_domains(folder / "data")
    training = ("training.train", "toy", "--data", "data", "--train.steps", STEPS)
    options = (*training, "--train.checkpoint_every", 5, "--train.seed", 3)
    finished(folder, *options, "--run", "runs/whole")
    for killed_at in (15, 40):
        process = program(folder, *options, "--run", "runs/killed")
        while process.poll() is None:
            if list((folder / "runs/killed/checkpoints").glob(f"ckpt-{killed_at}.index")):
                process.kill()
            time.sleep(0.001)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    finished(folder, *options, "--run", "runs/killed")
    return folder


@pytest.fixture(autouse=True)
def known(monkeypatch):
    for name, family in TEST_FAMILIES.items():
        monkeypatch.setitem(families.FAMILIES, name, family)


def test_killed_in_both_phases_it_ends_as_if_it_had_not_been(folder):
    whole, killed = (
        saved_values(newest_checkpoint(folder / "runs" / name)) for name in ("whole", "killed")
    )
    assert set(whole) == set(killed)
    for name, value in whole.items():
        np.testing.assert_array_equal(killed[name], value, err_msg=name)


def regions_of(pixels):
    """A map whose left half is warmer."""
    regions = np.zeros((*pixels.shape[:2], 1), "float32")
    regions[:, : regions.shape[1] // 2] = 1
    return regions


def test_directions_and_embeddings_are_exported_served_and_asked(folder):
    output = finished(folder, "serving.export", "--run", "runs/whole", "--to", "exports/toy")
    assert "agrees with the trained model" in output
    pixels = codecs.read(folder / "data/testB/0.png")
    encoded = (folder / "data/testB/0.png").read_bytes()
    run = load_run(folder / "runs/whole")
    with local_server(folder / "exports/toy") as server, Client(server.address, "toy") as client:
        regions = regions_of(pixels)
        for asked in ({}, {"style": [0.9, -0.5]}, {"style": [0.9, -0.5], "regions": regions}):
            answer = codecs.decode(client.translate(encoded, "BtoA", **asked)).pixels
            expected = run.translate(pixels, "BtoA", **asked)
            assert np.abs(answer.astype(int) - expected).max() <= 1
        for domain in ("A", "B"):
            (vector,) = client.embed([encoded], domain)
            np.testing.assert_allclose(vector, run.embed([pixels], domain)[0], atol=1e-4)
        answer = codecs.decode(client.translate(encoded, "BtoA", seed=5, regions=regions)).pixels
        (expected,) = run.translate(pixels, "BtoA", samples=1, seed=5, regions=regions)
        assert np.abs(answer.astype(int) - expected).max() <= 1
        arguments = ("data/testA", "--model", "toy", "--address", server.address)
        options = ("--direction", "AtoB", "--control", "style=[0.1, 0.2]", "--to", "out")
        finished(folder, "serving.client", *arguments, *options)
    answer = codecs.read(folder / "out/0.png")
    expected = run.translate(codecs.read(folder / "data/testA/0.png"), style=[0.1, 0.2])
    assert np.abs(answer.astype(int) - expected).max() <= 1


# Gradio leaves its event loop to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_page_shows_both_directions_and_the_style(folder):
    if not (folder / "exports/toy").is_dir():
        finished(folder, "serving.export", "--run", "runs/whole", "--to", "exports/toy")
    encoded = (folder / "data/testB/0.png").read_bytes()
    with local_server(folder / "exports/toy") as server, Client(server.address, "toy") as client:
        translator = Translator(client, "toy")
        page = build(translator)
        try:
            launch(page, "127.0.0.1", None)
            controls = json.dumps({"style": [0.9, -0.5]})
            asked = (base64.b64encode(encoded).decode(), "BtoA", controls)
            answer = call(page.local_url, *asked, name="translate_with")
        finally:
            page.close(verbose=False)
        (translated,) = json.loads(answer.partition("data: ")[2])
        sent = translator.translate(encoded, "BtoA").sent
        expected = client.translate(sent, "BtoA", style=[0.9, -0.5])
        assert base64.b64decode(translated) == expected
    config = json.dumps(page.config["components"])
    del page
    gc.collect()
    for shown in ("AtoB", "BtoA", "warm", "bold", "warmer"):
        assert f'"{shown}"' in config


def test_runs_and_exports_translate_files_by_direction_and_controls_of_their_own(folder):
    for file in (folder / "data/testB").glob("*.png"):
        regions = (255 * regions_of(codecs.read(file))).astype("uint8")
        codecs.write(np.roll(regions, int(file.stem), axis=1), folder / "regions" / file.name)
    controls = ("--control", "style=[0.3, 0.3]", "--control", "regions=@regions")
    for module, place, to in (
        ("training.translate", ("--run", "runs/whole"), "from_run"),
        ("serving.translate", ("--export", "exports/toy"), "from_export"),
        ("serving.client", ("--export", "exports/toy"), "from_server"),
    ):
        options = (*place, "--to", to, "--direction", "BtoA", *controls)
        finished(folder, module, "data/testB", *options)
    whole = load_run(folder / "runs/whole")
    for name in ("0.png", "1.png"):
        values = {"style": [0.3, 0.3], "regions": codecs.read(folder / "regions" / name) / 255}
        expected = whole.translate(codecs.read(folder / "data/testB" / name), "BtoA", **values)
        for to in ("from_run", "from_export", "from_server"):
            assert np.abs(codecs.read(folder / to / name).astype(int) - expected).max() <= 1


def test_a_run_is_judged_in_the_other_direction_and_rated(folder):
    run = ("--run", "runs/whole", "--direction", "BtoA")
    finished(folder, "training.evaluate", *run, "--to", "judged", "--features", "domains")
    kept = ("--features", "judged/features.keras")
    output = finished(folder, "training.evaluate", *run, "--to", "judged2", *kept)
    first, again = (
        json.loads((folder / name / "metrics.json").read_text()) for name in ("judged", "judged2")
    )
    assert (first["count"], first["real"]) == (3, 5)
    assert first["runs"] == again["runs"]
    assert f"{first['runs'][0]['mean']['kid']:.4g}" in output
    options = ("--practice", 1, "--trials", 2, "--port", 0)
    process = program(folder, "training.rate", *run, "--to", "answers", *options)
    for line in process.stdout:
        if line.startswith("Rate at "):
            break
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    shown = {path.parent.name for path in (folder / "answers/images").rglob("*.png")}
    assert shown == {"real", "fake"}
