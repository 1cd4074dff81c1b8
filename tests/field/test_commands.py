"""Commands as people write them."""

import pytest

from tfpix2pix import InputError, runs
from training.train import parse


def test_the_configuration_of_a_run_starts_the_same_experiment(tmp_path):
    """To repeat a run with another seed, or a colleague's run."""
    first, _ = parse(["facades_small", "--data", "d", "--run", "r", "--model.norm", "batch"])
    runs.save_config(first, tmp_path)
    recorded = str(tmp_path / "config.yaml")
    again, options = parse(["facades_small", "--config", recorded, "--run", "other"])
    assert (again, options.run) == (first, "other")
    again, _ = parse(["facades_small", f"--config={recorded}", "--run", "o", "--train.seed", "5"])
    assert (again.train.seed, again.model.norm) == (5, "batch")


def test_a_configuration_of_another_preset_or_none_is_refused(tmp_path):
    first, _ = parse(["quickstart", "--data", "d", "--run", "r"])
    runs.save_config(first, tmp_path)
    recorded = tmp_path / "config.yaml"
    with pytest.raises(InputError) as caught:
        parse(["facades", "--config", str(recorded), "--run", "other"])
    assert str(caught.value) == (
        "The configuration of a run must be that of the preset beside it. Received: facades and a "
        "configuration of quickstart. Use quickstart."
    )
    recorded.write_text("name: quickstart\ndata: 5\n")
    with pytest.raises(InputError) as caught:
        parse(["quickstart", "--config", str(recorded), "--run", "other"])
    assert str(caught.value) == (
        "A configuration must be the config.yaml of a run, or what --print_config prints. "
        f"Received: {recorded} (KeyError: 'model'). Correct it, or name another."
    )
