import dataclasses

import numpy as np
import pytest

from tests.cases import open_generator
from tests.cases.families import TEST_FAMILIES, toy_paper, write_domains
from tfpix2pix import families, load_run
from tfpix2pix.data import codecs, images
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.families import preset, unpaired
from tfpix2pix.families.pix2pix import Pix2PixConfig
from tfpix2pix.testing import save_untrained


@pytest.fixture
def config(tmp_path):
    """An experiment on 5 images of A and 3 of B for testing."""
    start = preset("quickstart").with_data(write_domains(tmp_path / "data"))
    data = dataclasses.replace(
        start.data, image_size=(32, 32), source_kernel="nearest", target_kernel="area"
    )
    return dataclasses.replace(start, data=data, model=Pix2PixConfig(depth=2))


def test_the_batches_begin_with_the_sources_and_references_of_each_direction(config, tmp_path):
    examples = unpaired.examples(config, "held_out")
    config = unpaired.completed(config, examples)
    networks = {"AtoB": open_generator(), "BtoA": open_generator()}
    batches = list(
        unpaired.held_out(config, examples, families.get_family("pix2pix").phases(config)[0])
    )
    assert len(batches) == 5
    for name, direction in unpaired.directions(config, networks).items():
        seen = [direction.example(batch) for batch in batches]
        names = direction.sources(examples)
        references = direction.references(examples)
        assert names == [
            f"test{name[0]}/{index}.png" for index in range(5 if name[0] == "A" else 3)
        ]
        assert len(references) == 8 - len(names)
        for part, part_names, kernel in (
            ("source", names, direction.kernel),
            ("reference", references, {"nearest": "area", "area": "nearest"}[direction.kernel]),
        ):
            for example, file in zip(seen, part_names):
                pixels = images.resize(codecs.read(tmp_path / "data" / file), (32, 32), kernel)
                found = (getattr(example, part)[0].numpy() + 1) * 127.5
                np.testing.assert_allclose(found, pixels, atol=0.51)


def test_directions_follow_from_the_data_and_know_each_other(config):
    grey = PixelFormat(1, "uint16", (0.0, 65535.0))
    data = dataclasses.replace(
        config.data, target_channels=1, target_dtype="uint16", target_range=(0.0, 65535.0)
    )
    config = dataclasses.replace(config, data=data)
    one, two = open_generator(), open_generator()
    both = unpaired.directions(config, {"BtoA": two, "AtoB": one})
    assert list(both) == ["BtoA", "AtoB"]
    assert [direction.network for direction in both.values()] == [two, one]
    assert [direction.reverse for direction in both.values()] == ["AtoB", "BtoA"]
    assert [direction.kernel for direction in both.values()] == ["area", "nearest"]
    assert both["BtoA"].task.source_format == both["AtoB"].task.target_format == grey
    assert {(direction.paired, direction.multiple) for direction in both.values()} == {(False, 4)}
    assert unpaired.directions(config, {"AtoB": one})["AtoB"].reverse is None


def test_a_run_on_other_data_is_the_same_run(tmp_path, monkeypatch):
    monkeypatch.setitem(families.FAMILIES, "toy", TEST_FAMILIES["toy"])
    run = load_run(save_untrained(toy_paper(tmp_path / "data"), tmp_path / "run"))
    directions = run.directions
    other = run.with_data(write_domains(tmp_path / "other", counts=(1, 2)))
    assert [len(one.examples("held_out").names) for one in (run, other)] == [8, 3]
    assert other.directions is directions
    assert (other.step, other.config.train) == (run.step, run.config.train)
