"""Examples are executed: those of docstrings, the README's, and the links of all pages."""

import dataclasses
import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import serving.client.failures
import serving.client.hint_rows
import serving.client.proxies
import serving.engine.batching
import serving.engine.json_tensors
import serving.engine.servable
import serving.engine.versions
import tfpix2pix
from tests.cases.families import write_domains
from tfpix2pix import preset
from tfpix2pix.datasets import synthetic
from training.engine import loop

ROOT = Path(__file__).parents[1]
PAGES = [path for path in ROOT.rglob("*.md") if "node_modules" not in path.parts]
MODULES = [m.name for m in pkgutil.walk_packages(tfpix2pix.__path__, "tfpix2pix.")]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize(
    "name",
    [
        *MODULES,
        serving.client.failures.__name__,
        serving.client.hint_rows.__name__,
        serving.client.proxies.__name__,
        serving.engine.batching.__name__,
        serving.engine.json_tensors.__name__,
        serving.engine.servable.__name__,
        serving.engine.versions.__name__,
    ],
)
def test_examples_of_docstrings_give_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert results.failed == 0


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def sections(page):
    """Returns the code of a page by the titles of its sections."""
    parts = (part.partition("\n") for part in page.read_text("utf-8").split("\n## ")[1:])
    return {title: code for title, _, text in parts for code in blocks(text, "python")}


@pytest.mark.slow
def test_the_readme_s_library_example_runs_in_twelve_lines(tmp_path, monkeypatch, capsys):
    example, _ = blocks((ROOT / "README.md").read_text("utf-8"), "python")
    assert len(example.strip().splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    quickstart = preset("quickstart").with_data("data")
    for split in ("train", "test"):
        synthetic.write_pairs(f"data/{split}", 4, quickstart.data.image_size)
    options = dataclasses.replace(quickstart.train, steps=2)
    loop.train(dataclasses.replace(quickstart, train=options), Path("runs/quickstart"))
    capsys.readouterr()
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert (names["translated"].shape, names["translated"].dtype) == ((96, 160, 3), "uint8")
    assert len(names["variants"]) == 3
    assert re.fullmatch(r"2 {'l1': .*} \['translate'\]\n", capsys.readouterr().out)


@pytest.mark.slow
def test_the_readme_s_cyclegan_trains_by_fit_in_fourteen_lines(tmp_path, monkeypatch):
    _, example = blocks((ROOT / "README.md").read_text("utf-8"), "python")
    lines = [line for line in example.splitlines() if line]
    assert len(lines) <= 14
    monkeypatch.chdir(tmp_path)
    write_domains(tmp_path / "data", counts=(2, 3))
    script = tmp_path / "script.py"
    script.write_text(f"{example}\nprint(tuple(horses.shape), model.steps_taken)\n")
    output = subprocess.run(
        [sys.executable, script.name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert output.returncode == 0, output.stderr
    assert output.stdout.endswith("(1, 64, 64, 3) 4\n")  # Twice the smaller domain.


def test_the_examples_of_features_run_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    results = {}
    for title, code in sections(ROOT / "docs/examples.md").items():
        exec(compile(code, title, "exec"), names)
        results[title] = names.pop("translated", None)
    shapes = {title: image.shape for title, image in results.items() if image is not None}
    assert shapes == {
        "Training by `model.fit`": (1, 32, 32, 3),
        "Moving averages of weights": (1, 32, 32, 3),
        "Images of any size": (2, 45, 70, 3),
        "Export": (2, 45, 70, 3),
    }
    assert sorted(path.name for path in Path("samples").iterdir()) == ["000004.png", "000006.png"]
    assert sorted(path.stem for path in Path("checkpoints").glob("*.index")) == ["ckpt-4", "ckpt-6"]
    assert names["mixed"].get_layer("down1_conv").compute_dtype == "float16"
    np.testing.assert_allclose(results["Export"], results["Images of any size"], atol=1e-4)


def test_the_readme_starts_with_code():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert next(i for i, line in enumerate(lines) if line.startswith("```")) < 15
    assert len(lines) <= 150


def test_ci_runs_the_readme_s_test_command_literally():
    command = "python -m pip install -r requirements.txt && python -m pytest"
    assert command in (ROOT / "README.md").read_text("utf-8")
    assert f'"{command}"' in (ROOT / ".ci/run").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target
