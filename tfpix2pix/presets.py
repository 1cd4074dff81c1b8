"""Presets: the experiments of the papers as data, each with its command, cost and result."""

from tfpix2pix.config import DataConfig, ExperimentConfig, ModelConfig, TrainConfig
from tfpix2pix.errors import InputError

FACADES = ExperimentConfig(
    name="facades",
    summary="""Labels to facade photos, 400 pairs, 200 epochs (Isola et al., 2017, section 6.2).

    python -m training.train facades --data data/facades --run runs/facades
    """,
    data=DataConfig(direction="BtoA"),
)

QUICKSTART = ExperimentConfig(
    name="quickstart",
    summary="""Labels to photos on synthetic facades at 64 pixels, made for two CPU cores.

    python -m training.quickstart
    """,
    # No jitter: enlarged to 72 pixels a brick is no longer what it is in the held-out pairs, and
    # the light of all photos comes from the left. Without it 1,400 steps give L1 0.09 for 0.14.
    data=DataConfig(direction="BtoA", image_size=(64, 64), load_size=(64, 64), flip=False),
    model=ModelConfig(base_filters=16, receptive_field=34),
    train=TrainConfig(steps=1500, batch_size=4, learning_rate=1e-3, checkpoint_every=500),
)

PRESETS = {preset.name: preset for preset in (FACADES, QUICKSTART)}


def preset(name):
    """Returns the preset called `name`.

    Args:
        name: One of the keys of `PRESETS`.

    Returns:
        `tfpix2pix.config.ExperimentConfig`.

    Raises:
        ValueError: If there is no such preset.

    Example:
        >>> preset("facades").data.direction
        'BtoA'
    """
    if name not in PRESETS:
        raise InputError(
            f"The preset must be one of {sorted(PRESETS)}. Received: {name!r}. "
            f"Start from the nearest one and override its options."
        )
    return PRESETS[name]
