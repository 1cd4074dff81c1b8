"""The toy as a family: unpaired, two directions, embeddings, phases, three controls, state."""

from dataclasses import dataclass
from functools import partial

import tensorflow as tf

from tests.cases.toy.model import Toy
from tests.cases.toy.network import drawn_style, encoder, inputs, repeated, translators
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


STYLE = {"kind": "numbers", "names": ["warm", "bold"], "range": [-1.0, 1.0]}
PARTS = {"kind": "map", "names": ["rest", "warmer"], "range": [0.0, 1.0]}
REGIONS = Control("regions", tf.TensorSpec((None, None, 1)), lambda x: inputs(x)[2], PARTS)
OPTIMIZERS = {"AtoB": AdamSettings(beta_1=0.0), "BtoA": AdamSettings(beta_2=0.99, epsilon=1e-7)}


def model(config):
    growing = {way: translators(config.model.filters, config.train.seed) for way in OPTIMIZERS}
    return compile_model(Toy(growing), config.train, OPTIMIZERS, phases(config))


def directions(config, model):
    made = unpaired.directions(config, model.players)
    for name, home in zip(made, model.state["home"].numpy()):  # Styles that users start from.
        style = Control("style", tf.TensorSpec((2,)), partial(repeated, home), STYLE, drawn_style)
        made[name] = made[name]._replace(controls=(style, SEED, REGIONS))
    return made


def embeddings(config, model):
    return unpaired.embeddings(config, {way[0]: encoder(x) for way, x in model.players.items()})


def finish(run):
    examples = run.examples("train")
    batches = list(run.held_out(examples))
    for index, domain in enumerate(examples):
        styles = [inputs(batch[index])[1] for batch in batches[: len(domain.names)]]
        run.model.state["home"][index].assign(tf.reduce_mean(styles, (0, 1)))


def phases(config):
    train, (height, width) = config.train, config.data.image_size
    rising = Phase("rising", train.steps // 2, 2 * train.batch_size, (height // 2, width // 2))
    steps = train.steps - rising.steps
    return rising, Phase("settled", steps, train.batch_size, (height, width), renewed=("AtoB",))


PRESET = ExperimentConfig("toy", "A toy.", DataConfig(image_size=32), ToyConfig(), family="toy")
NOT_READ = ("train.update", "train.discriminator_steps", "train.discriminator_learning_rate")
IGNORED = dict.fromkeys(NOT_READ, "the toy paper ignores it: it has no discriminator")
OPTIONAL = {"ignored": IGNORED, "finish": finish, "embeddings": embeddings}
FAMILY = Family(ToyConfig, {"toy": PRESET}, unpaired.FEED, model, directions, phases, **OPTIONAL)
