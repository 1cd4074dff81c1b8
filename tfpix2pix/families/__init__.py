"""Families: the papers, each as one module; programs know them by the protocol alone."""

from tfpix2pix.config import ExperimentConfig, differences
from tfpix2pix.errors import InputError
from tfpix2pix.families import cut, cyclegan, hints, pix2pix, pix2pixhd, stylization, twingan
from tfpix2pix.families.family import Family, Feed, Importer, PeerFile, Phase, Worker

FAMILIES: dict[str, Family] = {
    "pix2pix": pix2pix.FAMILY,
    "cyclegan": cyclegan.FAMILY,
    "cut": cut.FAMILY,
    "hints": hints.FAMILY,
    "pix2pixhd": pix2pixhd.FAMILY,
    "styles": stylization.FAMILY,
    "twingan": twingan.FAMILY,
}

__all__ = [
    "FAMILIES",
    "Family",
    "Feed",
    "Importer",
    "PeerFile",
    "Phase",
    "Worker",
    "checked_family",
    "get_family",
    "preset",
    "preset_name",
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


def checked_family(config: ExperimentConfig) -> Family:
    """Returns the family of an experiment, which reads every option that was changed.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        `Family`.

    Raises:
        ValueError: If there is no such family, or it or its feed ignores options that have not
            their defaults, or the task is not one of the family's.

    Example:
        >>> checked_family(preset("facades")).options.__name__
        'Pix2PixConfig'
    """
    family = get_family(config.family)
    default = ExperimentConfig(config.name, config.summary, model=config.model)
    changed = differences(config, default)
    received = [
        f"{option}={changed[option][0]!r} ({reason})"
        for option, reason in {**family.feed.ignored, **family.ignored}.items()
        if option in changed
    ]
    if received:
        raise InputError(
            f"The options of a training must be ones that {config.family} reads. Received: "
            f"{', '.join(received)}. Leave them out."
        )
    if config.data.task not in family.feed.tasks:
        raise InputError(
            f"The task of {config.family} must be one of {', '.join(family.feed.tasks)}. Received: "
            f"{config.data.task!r}. Set `data.task` to one of these."
        )
    return family


def presets() -> dict[str, ExperimentConfig]:
    """Returns the experiments of all families by their names.

    A name that several families have is that of the first of them; the others' experiments are
    called `family/name`.

    Returns:
        Dict of name to `tfpix2pix.config.ExperimentConfig`.

    Raises:
        ValueError: If an experiment does not name the family that has it.

    Example:
        >>> presets()["facades"].family
        'pix2pix'
    """
    named = {}
    for family, one in FAMILIES.items():
        for name, config in one.presets.items():
            if config.family != family:
                raise InputError(
                    f"An experiment must name the family that has it. Received: {name} of "
                    f"{family} with family={config.family!r}. Use family={family!r}."
                )
            named[f"{family}/{name}" if name in named else name] = config
    return named


def preset(name: str) -> ExperimentConfig:
    """Returns the preset called `name`.

    Args:
        name: One of the keys of `presets()`, or `family/name` of any.

    Returns:
        `tfpix2pix.config.ExperimentConfig`.

    Raises:
        ValueError: If there is no such preset.

    Example:
        >>> preset("facades").data.direction
        'BtoA'
        >>> preset("pix2pix/facades") == preset("facades")
        True
    """
    named = presets()
    family, _, own = name.rpartition("/")
    if family in FAMILIES and own in FAMILIES[family].presets:
        return FAMILIES[family].presets[own]
    if name not in named:
        raise InputError(
            f"The preset must be one of {sorted(named)}. Received: {name!r}. "
            f"Start from the nearest one and override its options."
        )
    return named[name]


def preset_name(config: ExperimentConfig) -> str:
    """Returns the name by which `preset` finds what an experiment started from.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        str, its own name, or `family/name` where another family is the first to have that.

    Example:
        >>> preset_name(preset("pix2pix/facades"))
        'facades'
    """
    first = presets().get(config.name)
    is_first = first is None or first.family == config.family
    return config.name if is_first else f"{config.family}/{config.name}"
