"""Translation by workers, as far as it goes without Ray."""

import re
import sys

import numpy as np
import pytest

from tests.cases import fixed_weights
from tfpix2pix import InputError, export
from tfpix2pix.data import codecs
from tfpix2pix.networks import unet_generator
from training.engine.file_workers import Plan, Resources, translate_by_workers, worker_count

OPTIONS = {"format": None, "frames": "folder", "size": None, "half": None, "overwrite": False}
OPENING = {"direction": None, "kernel": "bilinear", "controls": {}}


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    generator = unet_generator((None, None, 3), depth=2, base_filters=2)
    fixed_weights(generator)
    return export.export(generator, tmp_path_factory.mktemp("exports") / "tiny")[0]


@pytest.fixture(autouse=True)
def _without_ray(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("1.png", "rome/2.jpg"):
        codecs.write(np.zeros((4, 6, 3), "uint8"), f"photos/{name}")


def translate(version, tmp_path):
    plan = Plan(version, tmp_path / "out", OPENING, OPTIONS)
    return translate_by_workers(plan, "photos", Resources(), progress=lambda files, *_: files)


def test_what_is_there_needs_no_worker(version, tmp_path):
    for name in ("1", "rome/2"):
        codecs.write(np.zeros((4, 6, 3), "uint8"), f"out/{name}.png")
    assert str(translate(version, tmp_path)) == "0 translations made, 2 were there already."


def test_ray_must_be_installed(version, tmp_path):
    message = (
        "Workers are processes of Ray Data, which must be installed on each machine. Received: "
        "import of ray halted; None in sys.modules. Install it by \"pip install 'ray[data]'\"."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        translate(version, tmp_path)


@pytest.mark.parametrize(
    ("resources", "count"),
    [
        (Resources(), 9),
        (Resources(processors=2), 4),
        (Resources(gpus=0.5), 6),
        (Resources(workers=3), 3),
    ],
)
def test_there_are_as_many_workers_as_there_is_room_for(resources, count):
    assert worker_count(resources, {"CPU": 9.0, "GPU": 3.0, "memory": 1e9}) == count


def test_more_workers_than_there_is_room_for_are_refused():
    message = (
        "There must be processors and GPUs for all workers. Received: 3 workers of 2 processors "
        "and 0 GPUs each; Ray has 5 and 0. Use fewer, or add machines by `ray start`."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        worker_count(Resources(workers=3, processors=2), {"CPU": 5.0})
