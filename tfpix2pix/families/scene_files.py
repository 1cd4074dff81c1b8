"""Files of pix2pixHD: from their weights to a configuration and players."""

import dataclasses

from tfpix2pix.config import ExperimentConfig, PlaceConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families import appearances
from tfpix2pix.families.family import Importer, PeerFile
from tfpix2pix.families.importing import SHARED, check_alike, importable
from tfpix2pix.lazily import importers

FILES = {
    "checkpoint": PeerFile("generator", "latest_net_G.pth"),
    "discriminator": PeerFile("discriminator", "latest_net_D.pth"),
    "encoder": PeerFile("encoder", "latest_net_E.pth"),
    "appearances": PeerFile(
        None,
        "features_clustered_010.npy",
        appearances.read_centroids,
        lambda model, centroids: appearances.assign(model.state, centroids),
    ),
}


def imported(config: ExperimentConfig, states: dict) -> tuple[ExperimentConfig, dict]:
    """Builds the players of files of pix2pixHD; see `Importer`.

    Channels of the generator that are neither images nor features are taken for classes and the
    boundaries of instances.

    Args:
        config: `tfpix2pix.config.ExperimentConfig` to start from.
        states: Dict of some of `FILES`, `"checkpoint"` among them, to what they hold.

    Returns:
        `(config, players)`: the configuration that fits, and a dict of player to `keras.Model`.

    Raises:
        ValueError: If they are of other networks, or do not belong together.

    Example:
        >>> from tfpix2pix.families import preset
        >>> imported(preset("streets"), {"checkpoint": {}})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A state dict must hold tensors by their names. ...
    """
    generator, options = importers.imported_generator(states["checkpoint"])
    players = {"generator": generator}
    source, target = options.pop("source_channels"), options.pop("target_channels")
    options.pop("dropout")
    features = {}
    if "encoder" in states:
        players["encoder"], found = importers.imported_generator(states["encoder"])
        features["encoder"] = {"instance_features": found["target_channels"]}
        options["encoder_filters"] = found["base_filters"]
        check_alike({"checkpoint": options, "encoder": found}, ("halvings", "norm", *SHARED))
    if "appearances" in states:
        rows = states["appearances"].values()
        features["appearances"] = {"instance_features": next(iter(rows)).shape[1]}
        options["clusters"] = max(map(len, rows))
    check_alike(features, ("instance_features",))
    for found in features.values():
        options |= found
    if "discriminator" in states:
        judge, found = importers.imported_multiscale_discriminator(
            states["discriminator"], target_channels=target
        )
        players["discriminator"] = judge
        check_alike({"checkpoint": options, "discriminator": found}, ("norm", *SHARED))
        options |= {
            "scales": found["scales"],
            "discriminator_filters": found["base_filters"],
            "discriminator_layers": found["layers"],
        }
    condition = source - options.get("instance_features", 0)
    has_labels = condition != 3
    classes = condition - 1 if has_labels else 1
    if unknown := [n for n in states.get("appearances", ()) if not 0 <= int(n) < classes]:
        raise InputError(
            f"Appearances must be of the generator's classes, 0 to {classes - 1}. Received: those "
            f"of {', '.join(unknown)}. Give the file of its training."
        )
    data = dataclasses.replace(
        config.data,
        source_labels=classes if has_labels else None,
        places={"instance": PlaceConfig(1, "int32", kernel="nearest")} if has_labels else {},
    )
    config = dataclasses.replace(config, data=data)
    model = dataclasses.replace(config.model, conventions="pytorch", **options)
    channels = (condition - has_labels, target)
    return importable(config, model, channels=channels), players


IMPORTER = Importer(FILES, ("global", "enhanced"), imported)
