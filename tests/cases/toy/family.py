"""The toy paper as a family: unpaired data, two directions, one control, two phases."""

from dataclasses import dataclass

import tensorflow as tf

from tests.cases.toy import network
from tests.cases.toy.model import Toy
from tfpix2pix.config import DataConfig, ExperimentConfig
from tfpix2pix.families import Family, Phase, unpaired
from tfpix2pix.families.compiling import compile_model
from tfpix2pix.inference import Control


@dataclass(frozen=True)
class ToyConfig:
    filters: int = 6

    def multiple(self, image_size):
        return 2


ABOUT = {"kind": "numbers", "names": ["warm", "bold"], "range": [-1.0, 1.0]}
STYLE = Control("style", tf.TensorSpec((2,)), network.own_style, ABOUT)


def model(config):
    seeds = {"AtoB": config.train.seed, "BtoA": config.train.seed + 1}
    players = {name: network.translator(config.model.filters, seeds[name]) for name in seeds}
    return compile_model(Toy(players), config.train)


def directions(config, model):
    return unpaired.directions(config, model.players, (STYLE,))


def phases(config):
    train, (height, width) = config.train, config.data.image_size
    rising = Phase("rising", train.steps // 2, 2 * train.batch_size, (height // 2, width // 2))
    settled = Phase("settled", train.steps - rising.steps, train.batch_size, (height, width))
    return rising, settled


PRESET = ExperimentConfig("toy", "A toy.", DataConfig(image_size=32), ToyConfig(), family="toy")
WITHOUT = "the toy paper ignores it: it has no discriminator"
FAMILY = Family(
    ToyConfig,
    {"toy": PRESET},
    unpaired.FEED,
    model,
    directions,
    phases,
    ignored=dict.fromkeys(("train.update", "train.discriminator_steps"), WITHOUT),
)
