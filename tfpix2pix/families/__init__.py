"""Families: the papers, each as one module; programs know them by the protocol alone."""

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families import cyclegan, pix2pix
from tfpix2pix.families.family import Family, Feed, Importer, PeerFile, Phase, Place

FAMILIES: dict[str, Family] = {
    "pix2pix": pix2pix.FAMILY,
    "cyclegan": cyclegan.FAMILY,
}

__all__ = [
    "FAMILIES",
    "Family",
    "Feed",
    "Importer",
    "PeerFile",
    "Phase",
    "Place",
    "get_family",
    "preset",
    "presets",
]


def get_family(name: str) -> Family:
    """Returns the family called `name`.

    Args:
        name: One of the keys of `FAMILIES`.

    Returns:
        `Family`.

    Raises:
        ValueError: If there is no such family.

    Example:
        >>> get_family("pix2pix").options.__name__
        'Pix2PixConfig'
    """
    if name not in FAMILIES:
        raise InputError(
            f"The family must be one of {', '.join(FAMILIES)}. Received: {name!r}. Use a version "
            "of tfpix2pix that has it."
        )
    return FAMILIES[name]


def presets() -> dict[str, ExperimentConfig]:
    """Returns the experiments of all families by their names.

    Returns:
        Dict of name to `tfpix2pix.config.ExperimentConfig`.

    Example:
        >>> presets()["facades"].family
        'pix2pix'
    """
    return {name: config for one in FAMILIES.values() for name, config in one.presets.items()}


def preset(name: str) -> ExperimentConfig:
    """Returns the preset called `name`.

    Args:
        name: One of the keys of `presets()`.

    Returns:
        `tfpix2pix.config.ExperimentConfig`.

    Raises:
        ValueError: If there is no such preset.

    Example:
        >>> preset("facades").data.direction
        'BtoA'
    """
    if name not in presets():
        raise InputError(
            f"The preset must be one of {sorted(presets())}. Received: {name!r}. "
            f"Start from the nearest one and override its options."
        )
    return presets()[name]
