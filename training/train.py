"""Trains an experiment: `python -m training.train PRESET --data FOLDER --run FOLDER`."""

import argparse
import dataclasses
import difflib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Optional

import jsonargparse
import yaml
from tqdm import tqdm

from tfpix2pix.bfloat16 import AUTO_BFLOAT16, check_precision
from tfpix2pix.config import DataConfig, TrainConfig
from tfpix2pix.config_files import RENAMED, from_yaml
from tfpix2pix.errors import InputError, reported
from tfpix2pix.families import get_family, preset, preset_name, presets
from tfpix2pix.lazily import runs
from tfpix2pix.locations import at_home

DRY_STEPS = 6


def parse(arguments: Optional[list]):
    """Reads the command line.

    Args:
        arguments: List of str, without the program's name.

    Returns:
        `(config, options)`: the preset with its overrides, and `run`, `devices` and `dry_run`.

    Raises:
        ValueError: If the preset or an override is unknown or of the wrong type.
    """
    arguments = [_spelled(argument) for argument in at_home(arguments)]
    names = [a for a in arguments[:1] if not a.startswith("-")]
    start = preset(names[0] if names else "facades")
    arguments, recorded = _recorded(arguments)
    if recorded is not None:
        names = preset_name(start), preset_name(recorded)
        if names[0] != names[1]:
            raise InputError(
                "The configuration of a run must be that of the preset beside it. Received: "
                f"{names[0]} and a configuration of {names[1]}. Use {names[1]}."
            )
        start = recorded
    other_length = _other_length(arguments)
    train = dataclasses.replace(start.train, **other_length)
    parser = _parser(dataclasses.replace(start, train=train))
    try:
        parsed = parser.parse_args(arguments)
    except (argparse.ArgumentError, jsonargparse.ParserError) as error:
        options = [option for action in parser._actions for option in action.option_strings]
        wrong = [
            a.split("=")[0]
            for a in arguments
            if a.startswith("--") and a.split("=")[0] not in options
        ]
        near = [match for name in wrong for match in difflib.get_close_matches(name, options, 2)]
        cure = f"Did you mean {' or '.join(near)}? " if near else ""
        raise InputError(
            f"Overrides must be options of `{start.name}` with values of their type. Received: "
            f"{' '.join(str(error).split())}. {cure}`python -m training.train --help` lists all."
        ) from error
    for name, value in parsed.items():
        if isinstance(value, str):  # Those of a file; `at_home` has read the command line's.
            parsed[name] = os.path.expanduser(value)
    for name, value in other_length.items():
        parsed[f"train.{name}"] = value
    sections = parser.instantiate(parsed)
    config = dataclasses.replace(start, **{name: sections[name] for name in _sections(start)})
    load_size = config.data.load_size
    named = {argument.partition("=")[0] for argument in arguments}
    if load_size and load_size == start.data.load_size and "--data.load_size" not in named:
        # The margin of the random crop stays in proportion, as in the phases of a training.
        sides = zip(load_size, config.data.image_size, start.data.image_size)
        load_size = tuple(round(load * side / full) for load, side, full in sides)
        data = dataclasses.replace(config.data, load_size=load_size)
        config = dataclasses.replace(config, data=data)
    return config, parsed


def main():
    """Trains from the command line."""
    config, options = parse(sys.argv[1:])
    # After the command line has been read: TensorFlow takes seconds.
    from training.engine import devices, loop

    run = options.run
    strategy = devices.strategy(options.devices)
    print(f"{config.name}: {config.data.folder} -> {run}", file=sys.stderr)
    if options.dry_run:
        print(rehearsal(config, strategy))
        return
    _, step = loop.train(config, run, strategy, profile=options.profile)
    steps = runs.load_config(run).train.steps
    rest = "" if step >= steps else "; the same command goes on from there"
    print(f"{run} is trained for {step} of {steps} steps{rest}.")


def rehearsal(config, strategy):
    """Does all that a training does, for a few steps and without a trace.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        strategy: `tf.distribute.Strategy`.

    Returns:
        str that says how large the networks are, how long the training will take, and what
        bfloat16 gains, where the machine computes in it.

    Raises:
        ValueError: As the training itself would, after a few steps.
    """
    model, seconds, steps = _tried(config, strategy)
    sizes = ", ".join(
        f"{name} {network.count_params():,}" for name, network in model.players.items()
    )
    return (
        f"All works. Parameters: {sizes}. A step takes {seconds:.3g} s; {steps:,} steps take "
        f"{tqdm.format_interval(seconds * steps)} and the time for validation. "
        f"{_gain(config, strategy, seconds)}"
    )


def _tried(config, strategy):
    """Returns the model of a training of a few steps, the seconds of a step, and all its steps."""
    from training.engine import loop
    from training.engine.run_log import RUN

    with tempfile.TemporaryDirectory() as run:
        model, _ = loop.train(config, run, strategy, until=DRY_STEPS)
        session = json.loads((Path(run) / RUN).read_text("utf-8"))["sessions"][0]
        steps = runs.load_config(run).train.steps
    return model, session["seconds_per_step"], steps


def _gain(config, strategy, seconds):
    """Says what bfloat16 gains with these networks here, if the machine computes in it."""
    try:
        check_precision(AUTO_BFLOAT16)
    except InputError as error:
        return f"bfloat16 is not measured. {error}"
    precision = config.train.precision
    other = "float32" if precision == AUTO_BFLOAT16 else AUTO_BFLOAT16
    train = dataclasses.replace(config.train, precision=other, jit=False)
    _, other_seconds, _ = _tried(dataclasses.replace(config, train=train), strategy)
    measured = {precision: seconds, other: other_seconds}
    rewritten = measured.pop(AUTO_BFLOAT16)
    ((plain, plain_seconds),) = measured.items()
    return (
        f"With --train.precision {AUTO_BFLOAT16} a step takes {rewritten / plain_seconds:.2f} of "
        f"one in {plain} ({rewritten:.3g} and {plain_seconds:.3g} s)."
    )


def _spelled(argument):
    """Returns an argument with its option's name of today; `--data` is short for the folder."""
    name, equals, value = argument.partition("=")
    renamed = {f"--{old}": f"--{new}" for old, new in RENAMED.items()}
    return {"--data": "--data.folder", **renamed}.get(name, name) + equals + value


def _other_length(arguments):
    """Returns the default of steps if epochs are named, and the reverse: what is named decides."""
    named = {argument.partition("=")[0] for argument in arguments}
    if {"--train.steps", "--train.epochs"} <= named:
        raise InputError(
            "A training has steps or epochs, which decide the steps by the number of images. "
            "Received: --train.steps and --train.epochs. Leave one of them out."
        )
    if "--train.epochs" in named:
        return {"steps": TrainConfig.steps}
    return {"epochs": None} if "--train.steps" in named else {}


def _recorded(arguments):
    """Returns the arguments without the configuration of a run, and that configuration.

    A run's config.yaml is a whole experiment, with its name; what `--print_config` prints are
    options, which the parser reads.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config", type=Path, nargs="?")  # The parser refuses none.
    named, rest = finder.parse_known_args(arguments)
    if named.config is None or not named.config.is_file():
        return arguments, None
    try:
        text = named.config.read_text("utf-8")
        if "name" not in yaml.safe_load(text):
            return arguments, None
        return rest, from_yaml(text, lambda family: get_family(family).options)
    except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(
            "A configuration must be the config.yaml of a run, or what --print_config prints. "
            f"Received: {named.config} ({reason}). Correct it, or name another."
        ) from error


def _sections(start):
    """Returns the class of each section: that of `model` is the family's."""
    options = get_family(start.family).options
    return {"data": DataConfig, "model": options, "train": TrainConfig}


def _parser(start):
    parser = jsonargparse.ArgumentParser(
        prog="python -m training.train", description=start.summary, exit_on_error=False
    )
    parser.add_argument(
        "preset",
        type=str,
        help=f"One of {', '.join(presets())}. {start.family}_debug takes seconds, to see whether "
        "all works.",
    )
    parser.add_argument(
        "--run", type=str, required=True, help="Folder of the run; resumed if it exists."
    )
    parser.add_argument(
        "--devices",
        type=Optional[int],
        help="Devices of this machine to train on; by default all GPUs, or the processor as one. "
        "TF_CONFIG names those of many machines.",
    )
    parser.add_argument(
        "--dry_run",
        action="store_true",
        help=f"Do all of it for {DRY_STEPS} steps, and write nothing.",
    )
    parser.add_argument(
        "--profile",
        type=int,
        default=0,
        help="Number of steps that TensorFlow's profiler traces into the run's events, for "
        "TensorBoard with tensorboard-plugin-profile.",
    )
    parser.add_argument("--config", action="config")
    for name, section in _sections(start).items():
        parser.add_class_arguments(section, name, default=getattr(start, name))
    return parser


if __name__ == "__main__":
    with reported():
        main()
