"""Makes a run of a PyTorch checkpoint: `python -m training.import_checkpoint FILE --to FOLDER`."""

import dataclasses
from pathlib import Path
from typing import Optional

import jsonargparse
import tensorflow as tf

from tfpix2pix import checkpointing, importers, runs
from tfpix2pix.config import DataConfig, ExperimentConfig
from tfpix2pix.data.formats import full_range
from tfpix2pix.errors import InputError, reported
from tfpix2pix.families import get_family, preset

PRESET = "facades"  # Its family is that of the checkpoint.


def main(checkpoint: Path, to: Path, discriminator: Optional[Path] = None):
    """Makes a run whose generator is that of a checkpoint; export takes it without any flag.

    Args:
        checkpoint: File of the generator, such as latest_net_G.pth.
        to: Folder of the run, which must not exist yet.
        discriminator: File of the discriminator, such as latest_net_D.pth, to go on training with.
    """
    if to.exists():
        raise InputError(
            f"The run must be new. Received: {str(to)!r}, which exists. Use another --to folder."
        )
    generator, options = importers.imported_generator(importers.read_state_dict(checkpoint))
    networks = {"generator": generator}
    channels = {name: options.pop(name) for name in ("source_channels", "target_channels")}
    family = preset(PRESET).family
    model = get_family(family).options(conventions="pytorch", **options)
    if discriminator is not None:
        networks["discriminator"], options = importers.imported_discriminator(
            importers.read_state_dict(discriminator), **channels
        )
        model = dataclasses.replace(
            model,
            discriminator_filters=options["base_filters"],
            discriminator_norm=options["norm"],
            receptive_field=options["receptive_field"],
            conditional=options["conditional"],
        )
    # The original knows no other images; a run says which ones it takes.
    pixel_formats = {}
    for place in ("source", "target"):
        pixel_formats[f"{place}_dtype"] = "uint8"
        pixel_formats[f"{place}_range"] = full_range("uint8")
    config = ExperimentConfig(
        name="imported",
        summary=f"Imported from {checkpoint.name}.",
        data=DataConfig(image_size=2**model.depth, **channels, **pixel_formats),
        model=model,
        family=family,
    )
    untrained = get_family(family).model(config)
    for player, network in networks.items():
        untrained.players[player].set_weights(network.get_weights())
    content = checkpointing.checkpoint(untrained, tf.Variable(0, dtype="int64"))
    manager = tf.train.CheckpointManager(content, to / checkpointing.CHECKPOINTS, max_to_keep=1)
    manager.save(checkpoint_number=0)
    runs.save_config(config, to)
    print(f"{to} holds a U-Net of depth {model.depth} with {model.norm} norm.")


if __name__ == "__main__":
    with reported():
        parser = jsonargparse.ArgumentParser(prog="python -m training.import_checkpoint")
        parser.add_argument("checkpoint", type=Path, help="File such as latest_net_G.pth.")
        parser.add_function_arguments(main, skip={"checkpoint"}, as_positional=False)
        main(**parser.parse_args())
