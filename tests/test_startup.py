"""Programs say how they are used, and refuse what is wrong, before they load what takes seconds."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import tfpix2pix
from tests.test_programs import PROGRAMS
from tfpix2pix import lazily

ROOT = Path(__file__).parents[1]
SLOW = {"tensorflow", "scipy", "skimage", "gradio"}
WRONG = {  # Command lines of programs, and what must be in the refusal.
    "training.train nope": "The preset must be one of ['apple2orange', ",
    "training.train cut --data d --run r --model.pool_size 3": "options of `cut`",
    "training.train hints --data d --run r --model.hint_wieght 3": "mean --model.hint_weight",
    "training.train twingan --data d --run r --train.schedule odd": "'constant'",
    "training.prepare check d --layout odd": "'side_by_side'",
    "training.translate i --run r --to t --precision odd": "'auto_bfloat16'",
    "training.evaluate --run r --to t --statistics odd": "'per_image'",
    "serving.export --run r --to t --format odd": "'saved_model'",
    "serving.server --port odd": "--port",
    **{f"{program} --no_such_option 1": "error: " for program in PROGRAMS},
}
# Each command as `python -m` runs it, all in one process.
RUN = """
import contextlib, io, json, runpy, sys
outcomes = []
for command in json.loads(sys.argv[1]):
    module, *sys.argv[1:] = command.split()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = runpy.run_module(module, run_name="__main__") and 0
        except SystemExit as end:
            status = end.code
    outcomes.append([command, status, said.getvalue(), [*sys.modules]])
print(json.dumps(outcomes))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    helped = [f"{program} --help" for program in PROGRAMS]
    families = [f"training.train {name}_debug --help" for name in tfpix2pix.families.FAMILIES]
    commands = [*helped, *families, *WRONG]
    process = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(commands)],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"},
        cwd=tmp_path_factory.mktemp("startup"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_nothing_slow_is_loaded_for_help_or_a_refusal(outcomes):
    loaded = {command: SLOW & set(modules) for command, _, _, modules in outcomes}
    assert {command: names for command, names in loaded.items() if names} == {}


def test_every_program_helps(outcomes):
    for command, status, said, _ in outcomes:
        if command.endswith("--help"):
            assert not status
            assert said.startswith(f"usage: python -m {command.split()[0]}")


def test_every_program_refuses_what_is_wrong(outcomes):
    refused = {command: (status, said) for command, status, said, _ in outcomes}
    for command, text in WRONG.items():
        status, said = refused[command]
        assert status not in (0, None)
        assert text in f"{said}{status}"


def test_what_signatures_repeat_stays_what_it_is():
    """They cannot name it, since it is imported with TensorFlow."""
    from tfpix2pix.data.layouts import LAYOUTS
    from tfpix2pix.families.twingan_options import TwinGANConfig
    from tfpix2pix.networks.growth import SMALLEST
    from training import ablation, prepare, rate
    from training.evaluation.ablations import TABLES
    from training.rating.rating_page import LOOPBACK

    def default(function, name):
        return inspect.signature(function).parameters[name].default

    layouts = inspect.signature(prepare.check).parameters["layout"].annotation
    assert typing.get_args(layouts) == ("auto", *LAYOUTS)
    assert default(ablation.main, "tables") == ",".join(TABLES)
    assert default(rate.main, "host") == LOOPBACK[0]
    assert TwinGANConfig().first_size == SMALLEST


def types(path):
    """Yields `(module, name)` of what type checkers read that a module has."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            for one in node.body:
                if isinstance(one, ast.ImportFrom):
                    yield from ((one.module, alias.name) for alias in one.names)


PACKAGES = (tfpix2pix, tfpix2pix.data, tfpix2pix.translation)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_package_has_what_type_checkers_read(package):
    stated = dict(reversed(pair) for pair in types(Path(package.__file__)))
    assert set(stated) == set(package.__all__) <= set(dir(package))
    for name, home in stated.items():
        module = importlib.import_module(home)
        expected = getattr(module, name)
        assert getattr(package, name) is expected
    with pytest.raises(AttributeError, match=f"^module '{package.__name__}' has no attribute 'x'$"):
        package.x  # noqa: B018


def test_lazy_modules_are_those_that_type_checkers_read():
    stated = {name: f"{home}.{name}" for home, name in types(Path(lazily.__file__))}
    assert stated.pop("keras") == "tensorflow.keras"
    assert stated == {k: v for k, v in lazily.MODULES.items() if k not in ("keras", "tf")}
