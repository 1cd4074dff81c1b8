"""Examples are executed: those of docstrings, the README's, and the links of all pages."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import serving.client.failures
import serving.engine.json_tensors
import serving.engine.servable
import serving.engine.versions
import tfpix2pix

ROOT = Path(__file__).parents[1]
PAGES = [path for path in ROOT.rglob("*.md") if "node_modules" not in path.parts]
MODULES = [m.name for m in pkgutil.walk_packages(tfpix2pix.__path__, "tfpix2pix.")]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize(
    "name",
    [
        *MODULES,
        serving.client.failures.__name__,
        serving.engine.json_tensors.__name__,
        serving.engine.servable.__name__,
        serving.engine.versions.__name__,
    ],
)
def test_examples_of_docstrings_give_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert results.failed == 0


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_readme_s_library_example_runs_in_twelve_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = blocks(ROOT / "README.md", "python")
    assert len(example.strip().splitlines()) <= 12
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["translated"].shape == (1, 64, 64, 3)


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
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target
