"""Suggestions: the commands that a program prints for what may be done next."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from tfpix2pix.lazily import layouts

PAIRS = "facades"  # Presets that are named where a data set is ready.
TWO_DOMAINS = "horse2zebra"


def training_command(folder: Path, direction: str = "AtoB") -> str:
    """Returns the command that trains on a data set.

    Args:
        folder: Its folder.
        direction: Of pairs; of two domains both directions are trained.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"", "owls/train/1.png")
        >>> training_command(Path("owls"))
        'python -m training.train facades --data owls --data.direction AtoB --run runs/owls'
    """
    settings = {"data.folder": str(folder)}
    if layouts.detect(folder) == "unpaired":
        return command_with(settings, folder.name, TWO_DOMAINS)
    return command_with({**settings, "data.direction": direction}, folder.name)


def command_with(settings: Mapping[str, str], name: str, preset: str = PAIRS) -> str:
    """Returns the command that trains with settings.

    Args:
        settings: Dict of option to value.
        name: Of the run.
        preset: Name of the experiment.

    Example:
        >>> command_with({"data.folder": "my owls"}, "owls")
        "python -m training.train facades --data 'my owls' --run runs/owls"
    """
    flags = [f"--{option} {shlex.quote(value)}" for option, value in settings.items()]
    flags = " ".join(flags).replace("--data.folder ", "--data ", 1)  # Its short form.
    return f"python -m training.train {preset} {flags} --run {shlex.quote(f'runs/{name}')}"


def mending_commands(data: Path, finding) -> str:
    """Returns the commands that do as the cure of a finding says, one a line, in a new folder.

    Args:
        data: Folder of the data, or manifest.
        finding: Of `tfpix2pix.doctor.findings`.

    Example:
        >>> from types import SimpleNamespace
        >>> mending_commands(Path("owls"), SimpleNamespace(preparation=None))
        ''
    """
    mended = finding.preparation
    if not mended:
        return ""
    data = data if data.name not in ("", "..") else data.resolve()
    to = data.with_name(f"{data.name}-{mended.command}")
    flags = " ".join(f"--{name} {shlex.quote(value)}" for name, value in mended.options.items())
    program = f"python -m training.prepare {mended.command}"
    commands = [
        f"{program} {_quoted(data, folder)} --to {_quoted(to, folder)} {flags}"
        for folder in mended.folders
    ]
    commands += [f"cp -r {_quoted(data, name)} {_quoted(to, name)}" for name in mended.others]
    return "\n".join(commands)


def _quoted(*parts):
    return shlex.quote(str(Path(*parts)))
