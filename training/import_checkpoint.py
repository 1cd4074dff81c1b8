"""Makes a run of PyTorch checkpoints: `python -m training.import_checkpoint FILE --to FOLDER`."""

import shlex
from pathlib import Path
from typing import Optional

import jsonargparse

from tfpix2pix.errors import InputError, reported
from tfpix2pix.families import get_family
from tfpix2pix.families.peers import CHECKPOINT, imported_model, peer_files, read_files
from tfpix2pix.lazily import checkpointing, importers, runs, tf
from tfpix2pix.locations import at_home


def main(
    checkpoint: Path,
    to: Path,
    discriminator: Optional[Path] = None,
    *,
    preset: Optional[str] = None,
    **others: Optional[Path],
):
    """Makes a run whose networks are those of checkpoints; export takes it without any flag.

    Args:
        checkpoint: File of a generator, such as latest_net_G.pth or latest_net_G_A.pth.
        to: Folder of the run, which must not exist yet.
        discriminator: File of its discriminator, to go on training with.
        preset: Preset that decides the family, and whose options of data and training the run has;
            by default the family is that of the files.
        **others: Further files that a family takes, by their names there.
    """
    if to.exists():
        raise InputError(
            f"The run must be new. Received: {str(to)!r}, which exists. Use another --to folder."
        )
    paths = {CHECKPOINT: checkpoint, "discriminator": discriminator, **others}
    paths = {file: path for file, path in paths.items() if path is not None}
    states = read_files(paths)
    names = {file: path.name for file, path in paths.items()}
    config, model, filled = imported_model(states, names, start=preset)
    content = checkpointing.checkpoint(model, tf.Variable(0, dtype="int64"))
    manager = tf.train.CheckpointManager(content, to / checkpointing.CHECKPOINTS, max_to_keep=1)
    manager.save(checkpoint_number=0)
    runs.save_config(config, to)
    if filled:
        runs.keep_state(model, to, 0)
    print(f"{to} is a run of {config.family}.")
    for player, network in model.players.items():
        if player not in config.untrained:
            print(f"{player}: {network.name} of {network.count_params():,} parameters, imported.")
    for file in filled:
        print(f"{file}: of {names[file]}, imported.")
    if any(map(importers.idle_statistics, states.values())):
        print("Statistics of instance norm are left out: as in the reference, nothing uses them.")
    if config.untrained:
        print(f"Untrained, for no file was given for them: {', '.join(config.untrained)}.")
    if model.state and not filled and get_family(config.family).finish:
        command = shlex.join(
            ["python", "-m", "training.finish", "--run", str(to), "--data", "DATA"]
        )
        print(f"Before it translates: {command}")


if __name__ == "__main__":
    with reported():
        parser = jsonargparse.ArgumentParser(prog="python -m training.import_checkpoint")
        parser.add_argument("checkpoint", type=Path, help="File such as latest_net_G.pth.")
        hidden = {"checkpoint", "discriminator", "others"}
        parser.add_function_arguments(main, skip=hidden, as_positional=False)
        for file, peer_names in peer_files().items():
            parser.add_argument(
                f"--{file}", type=Optional[Path], help=f"File such as {' or '.join(peer_names)}."
            )
        main(**parser.parse_args(at_home()))
