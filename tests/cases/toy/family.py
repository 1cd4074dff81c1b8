"""The toy paper as a family: unpaired data, two directions, three controls, two phases, state."""

from dataclasses import dataclass

import tensorflow as tf

from tests.cases.toy import network
from tests.cases.toy.model import Toy
from tfpix2pix.config import DataConfig, ExperimentConfig
from tfpix2pix.families import Family, Phase, unpaired
from tfpix2pix.families.compiling import compile_model
from tfpix2pix.inference import SEED, Control
from tfpix2pix.optimizers import AdamSettings


@dataclass(frozen=True)
class ToyConfig:
    filters: int = 6

    def multiple(self, image_size):
        return 2


ABOUT = {"kind": "numbers", "names": ["warm", "bold"], "range": [-1.0, 1.0]}
OPTIMIZERS = {"AtoB": AdamSettings(beta_1=0.0, beta_2=0.99, epsilon=1e-7)}
PARTS = {"kind": "map", "names": ["rest", "warmer"], "range": [0.0, 1.0]}
REGIONS = Control("regions", tf.TensorSpec((None, None, 1)), network.no_regions, PARTS)


def model(config):
    seeds = {"AtoB": config.train.seed, "BtoA": config.train.seed + 1}
    growing = {name: network.translators(config.model.filters, seeds[name]) for name in seeds}
    return compile_model(Toy(growing), config.train, OPTIMIZERS, phases(config))


def directions(config, model):
    made = unpaired.directions(config, model.players)
    homes = zip(made, model.state["home"].numpy())
    return {
        name: made[name]._replace(controls=(style(home), SEED, REGIONS)) for name, home in homes
    }


def style(home):
    def neutral(source):
        return tf.tile(home[tf.newaxis], (tf.shape(source)[0], 1))

    return Control("style", tf.TensorSpec((2,)), neutral, ABOUT, network.drawn_style)


def finish(run):
    examples = run.examples("train")
    batches = list(run.held_out(examples))
    for index, domain in enumerate(examples):
        styles = [network.own_style(batch[index]) for batch in batches[: len(domain.names)]]
        run.model.state["home"][index].assign(tf.reduce_mean(styles, (0, 1)))


def phases(config):
    train, (height, width) = config.train, config.data.image_size
    rising = Phase("rising", train.steps // 2, 2 * train.batch_size, (height // 2, width // 2))
    steps = train.steps - rising.steps
    settled = Phase("settled", steps, train.batch_size, (height, width), renewed=("AtoB",))
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
    finish=finish,
    ignored=dict.fromkeys(
        ("train.update", "train.discriminator_steps", "train.discriminator_learning_rate"), WITHOUT
    ),
)
