"""A paper outside of the repository, by what CONTRIBUTING.md says: trained, opened and checked."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cases.families import write_domains

ROOT = Path(__file__).parents[1]
TOY = ROOT / "tests/cases/toy"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the toy as the package `my_paper`, with its data."""
    folder = tmp_path_factory.mktemp("outside")
    write_domains(folder / "data")
    (folder / "my_paper").mkdir()
    for name in ("network", "model", "family"):
        text = (TOY / f"{name}.py").read_text("utf-8")
        text = text.replace("tests.cases.toy", "my_paper").replace('"toy"', '"mine"')
        (folder / f"my_paper/{name}.py").write_text(text, "utf-8")
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = contributing.split("### A paper of your own")[1]
    program, tests = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len([line for line in program.splitlines() if line]) == 6
    (folder / "my_paper/__main__.py").write_text(program, "utf-8")
    (folder / "test_my_paper.py").write_text(tests, "utf-8")
    return folder


def finished(folder, *arguments):
    process = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.slow
def test_programs_know_it_by_six_lines(folder):
    training = ("training.train", "mine", "--data", "data", "--train.steps", 2)
    output = finished(folder, "my_paper", *training, "--run", "run")
    assert "run is trained for 2 of 2 steps." in output
    finished(folder, "my_paper", "training.translate", "data/testA", "--run", "run", "--to", "out")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        f"{index}.png" for index in range(5)
    ]


@pytest.mark.slow
def test_it_is_checked_claim_by_claim(folder):
    fast = "presets or any_size or nan or filled or every_variable"
    output = finished(folder, "pytest", "-q", "-p", "no:cacheprovider", "-k", fast)
    assert re.search(r"^5 passed, 12 deselected", output, re.MULTILINE), output
