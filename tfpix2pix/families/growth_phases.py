"""The phases of a growth: how many steps, images and pixels each of them has."""

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families.family import Phase
from tfpix2pix.lazily import domain_translation, growth

LARGEST = 1024  # Pixels of a side.
IMAGES = 300_000  # Of each phase, in TwinGAN's code.


def phases(config: ExperimentConfig) -> tuple[Phase, ...]:
    """Returns the phases of the growth, which share the steps of the training.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        Tuple of `Phase`.

    Raises:
        ValueError: If the sizes are no powers of 2, phases are unknown, or there are fewer steps
            than phases.

    Example:
        >>> from tfpix2pix.families import preset
        >>> [(phase.name, phase.steps) for phase in phases(preset("twingan_tiny"))][:3]
        [('4', 100), ('8 fade', 100), ('8', 200)]
    """
    options = config.model
    side = config.data.image_size[1]
    names = growth.phase_names(side, options.first_size)
    if unknown := [name for name in options.images if name not in growth.phase_names(LARGEST)]:
        raise InputError(
            f"`images` are given for phases of the growth: {', '.join(names)}. Received: "
            f"{', '.join(unknown)}. Rename or remove them."
        )
    images = {name: options.images.get(name, IMAGES) for name in names}
    if len(names) > config.train.steps or min(images.values()) < 1:
        raise InputError(
            "Every phase of a growth must have a step, and images. Received: "
            f"{config.train.steps} steps for the phases {', '.join(names)}, and images={images}. "
            "Train longer, or start at a larger `first_size`."
        )
    sizes = [
        options.batch_sizes.get(growth.resolution(name), config.train.batch_size) for name in names
    ]
    lengths = [images[name] / size for name, size in zip(names, sizes)]
    steps = _shared(config.train.steps, lengths)
    players = (
        "encoder",
        "generator",
        *(f"{domain_translation.JUDGE}{domain}" for domain in options.domains),
    )
    renewed = players if options.optimizers == "renewed" else ()
    return tuple(
        Phase(name, count, size, (growth.resolution(name),) * 2, renewed)
        for name, count, size in zip(names, steps, sizes)
    )


def _shared(steps, lengths):
    """Shares steps in proportion to lengths, at least one each."""
    shares = []
    for number, length in enumerate(lengths):
        rest = steps - sum(shares)
        later = len(lengths) - number - 1
        share = round(rest * length / sum(lengths[number:]))
        shares.append(max(1, min(share, rest - later)))
    return shares
