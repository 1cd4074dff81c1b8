"""The toy paper as a family: unpaired, two directions, a style as control, two phases."""

from dataclasses import dataclass

import tensorflow as tf

from tests.cases.toy import network
from tests.cases.toy.model import Toy
from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.families import Family, Phase, unpaired
from tfpix2pix.families.compiling import compile_model, precision
from tfpix2pix.inference import Control, Direction


@dataclass(frozen=True)
class ToyConfig:
    """Options of the toy paper.

    Attributes:
        rising_share: Share of the training over which the adversarial term rises.
    """

    rising_share: float = 0.5

    def multiple(self, image_size):
        """Returns what the sides of images must be multiples of."""
        return 2


STYLE = Control(
    "style",
    tf.TensorSpec((2,)),
    network.own_style,
    {"kind": "numbers", "title": "Style", "names": ["warm", "bold"], "range": [-1.0, 1.0]},
)


def model(config):
    """Builds the compiled model."""
    seed = config.train.seed
    with precision(config.train.precision):
        players = {
            "AtoB": network.translator(seed=seed, name="toy_translator"),
            "BtoA": network.translator(seed=seed + 1, name="toy_translator"),
            "discriminator": network.discriminator(seed=seed + 2),
        }
    return compile_model(Toy(players), config.train)


def directions(config, players):
    """Returns both directions."""
    a_to_b, b_to_a = unpaired.tasks(config)
    options = {"multiple": 2, "controls": (STYLE,), "paired": False}
    return {
        "AtoB": Direction(players["AtoB"], a_to_b, example=unpaired.a_example, **options),
        "BtoA": Direction(players["BtoA"], b_to_a, example=unpaired.b_example, **options),
    }


def phases(config):
    """Returns a phase of small images in which the adversarial term rises, and the rest."""
    size, train = config.data.image_size, config.train
    rising = round(train.steps * config.model.rising_share)
    half = (size[0] // 2, size[1] // 2)
    return (
        Phase("rising", rising, 2 * train.batch_size, half),
        Phase("settled", train.steps - rising, train.batch_size, size),
    )


PRESET = ExperimentConfig(
    "toy",
    "A toy paper: python -m training.train toy --data DATA --run RUN",
    DataConfig(image_size=(32, 32)),
    ToyConfig(),
    TrainConfig(steps=8, batch_size=2),
    family="toy",
)
FAMILY = Family(ToyConfig, {"toy": PRESET}, unpaired.FEED, model, directions, phases)
