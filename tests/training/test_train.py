import re

import pytest
import tensorflow as tf

from tfpix2pix import InputError, bfloat16, presets
from tfpix2pix.config import TrainConfig
from training.train import parse, rehearsal


def test_overrides_are_typed():
    config, options = parse(
        [
            *("facades", "--data", "pairs", "--run", "runs/x", "--data.image_size", "128"),
            *("--data.load_size", "[140,150]", "--data.direction", "AtoB", "--model.depth", "4"),
            *("--model.base_filters=8", "--train.steps", "9", "--train.learning_rate", "1e-3"),
            *("--train.seed", "3", "--train.batch_size", "2", "--train.checkpoint_every", "5"),
        ]
    )
    assert (options.run, options.devices, options.dry_run) == ("runs/x", None, False)
    assert options.profile == 0
    assert (config.name, config.data.folder, config.data.direction) == ("facades", "pairs", "AtoB")
    assert (config.data.image_size, config.data.load_size) == ((128, 128), (140, 150))
    assert (config.model.depth, config.model.base_filters, config.model.norm) == (4, 8, "instance")
    assert (config.train.steps, config.train.learning_rate, config.train.seed) == (9, 1e-3, 3)
    assert (config.train.batch_size, config.train.checkpoint_every) == (2, 5)


def test_a_preset_keeps_what_is_not_overridden():
    config, _ = parse(["quickstart", "--data=d", "--run=r", "--train.steps=1"])
    assert config.data.image_size == (64, 64)
    assert config.data.folder == "d"
    assert config.train.batch_size == 4


def test_another_image_size_keeps_the_margin_of_the_random_crop():
    named = ["--data=d", "--run=r"]
    larger, _ = parse(["streets_tiny", *named, "--data.image_size=[64, 128]"])
    assert larger.data.load_size == (96, 192)
    smaller, _ = parse(["twingan_small", *named, "--data.image_size=32"])
    assert smaller.data.load_size == (33, 33)
    asked, _ = parse(["twingan_small", *named, "--data.image_size=32", "--data.load_size=66"])
    assert asked.data.load_size == (66, 66)


def test_print_config_shows_the_whole_configuration(capsys):
    with pytest.raises(SystemExit) as caught:
        parse(["facades", "--data", "d", "--run", "r", "--train.steps", "5", "--print_config"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for line in ("folder: d", "direction: BtoA", "norm: instance", "steps: 5", "seed: 0"):
        assert line in printed


def test_a_printed_configuration_can_be_read_again(tmp_path, capsys):
    with pytest.raises(SystemExit):
        parse(["facades", "--data", "d", "--run", "r", "--train.steps", "5", "--print_config"])
    (tmp_path / "mine.yaml").write_text(capsys.readouterr().out)
    config, options = parse(
        ["facades", "--config", str(tmp_path / "mine.yaml"), "--train.seed", "2"]
    )
    assert (options.run, config.train.steps, config.train.seed) == ("r", 5, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["facades", "--run", "r", "--train.stepz", "4"],
            "Overrides must be options of `facades` with values of their type. Received: "
            "unrecognized arguments: --train.stepz 4. Did you mean --train.steps or --train.seed? "
            "`python -m training.train --help` lists all.",
        ),
        (
            ["facades", "--run", "r", "--train.steps", "many"],
            "Overrides must be options of `facades` with values of their type. Received: Parser "
            "key \"train.steps\": Expected a <class 'int'>. Got value: many. "
            "`python -m training.train --help` lists all.",
        ),
        (
            ["facade", "--run", "r"],
            f"The preset must be one of {sorted(presets())}. Received: 'facade'. Start from the "
            "nearest one and override its options.",
        ),
    ],
)
def test_an_unknown_preset_or_override_is_refused(arguments, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        parse(arguments)


def test_named_epochs_or_steps_take_the_place_of_the_other(tmp_path, capsys):
    named = ["quickstart", "--data", "d", "--run", "r"]
    config, _ = parse([*named, "--train.epochs", "7"])
    assert (config.train.steps, config.train.epochs) == (TrainConfig.steps, 7)
    with pytest.raises(SystemExit):
        parse([*named, "--train.epochs=7", "--print_config"])
    (tmp_path / "mine.yaml").write_text(capsys.readouterr().out)
    mine = ["quickstart", "--config", str(tmp_path / "mine.yaml")]
    assert parse(mine)[0].train == config.train
    config, _ = parse([*mine, "--train.steps=9"])
    assert (config.train.steps, config.train.epochs) == (9, None)
    message = (
        "A training has steps or epochs, which decide the steps by the number of images. Received: "
        "--train.steps and --train.epochs. Leave one of them out."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        parse([*named, "--train.epochs=7", "--train.steps=80000"])


@pytest.mark.slow
def test_a_rehearsal_does_all_of_it_and_leaves_nothing(facades, tmp_path):
    """A schedule that falls late must not be taken for one of the few steps."""
    config, options = parse(
        [
            *("facades", "--data", str(facades), "--run", str(tmp_path / "run"), "--dry_run"),
            *("--data.image_size", "32", "--model.base_filters", "4"),
            *("--model.receptive_field", "16", "--train.schedule", "linear"),
            *("--train.decay_from", "9", "--train.epochs", "3", "--train.batch_size", "1"),
        ]
    )
    assert options.dry_run
    told = rehearsal(config, tf.distribute.get_strategy())
    gain = re.fullmatch(
        r"All works\. Parameters: generator [\d,]+, discriminator [\d,]+\. A step takes [\d.]+ s; "
        r"18 steps take \d\d:\d\d and the time for validation\. (.*)",
        told,
    )[1]
    if bfloat16.processor_flags().intersection(bfloat16.FLAGS):
        pattern = (
            r"With --train\.precision auto_bfloat16 a step takes [\d.]+ of one in float32 "
            r"\([\d.]+ and [\d.]+ s\)\."
        )
        assert re.fullmatch(pattern, gain)
    else:
        with pytest.raises(InputError) as caught:
            bfloat16.check_precision("auto_bfloat16")
        assert gain == f"bfloat16 is not measured. {caught.value}"
    assert list(tmp_path.iterdir()) == []
