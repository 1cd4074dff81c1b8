"""Translation by Ray's workers, of which some are killed: the program as a user starts it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cases import fixed_weights
from tfpix2pix import atomic, export, translation
from tfpix2pix.data import codecs
from tfpix2pix.networks import unet_generator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# Python runs it in each worker: the system kills one that is about to finish certain files.
SITECUSTOMIZE = """
import os, signal
replace = os.replace
def killed(part, path):
    name = os.path.basename(path)
    if "always" in name or ("once" in name and not os.path.exists("{mark}")):
        open("{mark}", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    replace(part, path)
os.replace = killed
"""


@pytest.fixture
def run(tmp_path):
    """Returns a function that runs the program, and returns its exit code and all it printed."""
    (tmp_path / "site").mkdir()
    mark = tmp_path / "killed"
    (tmp_path / "site/sitecustomize.py").write_text(SITECUSTOMIZE.format(mark=mark))

    def running(*arguments):
        command = [sys.executable, "-m", "training.translate_many", *map(str, arguments)]
        path = os.pathsep.join([str(ROOT), str(tmp_path / "site")])
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        return done.returncode, done.stdout + done.stderr

    return running


def test_killed_workers_cost_no_file_but_those_that_kill(run, tmp_path):
    generator = unet_generator((None, None, 3), depth=2, base_filters=2)
    fixed_weights(generator)
    export.export(generator, tmp_path / "exports/tiny")
    random = np.random.default_rng(0)
    # Others wait behind them for the same worker.
    fatal = [f"in/1/{index}_always.png" for index in (25, 28)]
    names = [*(f"{index % 3}/{index}" for index in range(70)), "1/once"]
    for file in (*(f"in/{name}.png" for name in names), *fatal):
        codecs.write(random.integers(0, 256, (9, 14, 3)).astype("uint8"), tmp_path / file)
    atomic.write_bytes(b"Dear diary", tmp_path / "in/broken.png")
    codecs.write(np.zeros((9, 14, 3), "uint8"), tmp_path / "out/0/0.png")
    code, printed = run("in", "--export", "exports/tiny", "--to", "out", "--workers", "2")
    assert code == 1
    lines = [
        "error: 70 translations made, 1 was there already, 3 files failed:",
        *(
            f"{file}: its worker ended, or raised an error that no file should cause, each time; "
            "translate this file alone to see why"
            for file in fatal
        ),
        "in/broken.png: it cannot be decoded: it is no image of a known format\n",
    ]
    assert "\n".join(lines) in printed, printed
    for file in fatal:
        (tmp_path / file).unlink()
    translator = translation.export_translator(tmp_path / "exports/tiny")
    translation.translate_files(translator, tmp_path / "in", tmp_path / "expected")
    made = contents(tmp_path / "out")
    assert made.pop("0/0.png") != (expected := contents(tmp_path / "expected")).pop("0/0.png")
    assert made == expected


def contents(folder):
    """Returns all files of a folder, those that are hidden too."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
