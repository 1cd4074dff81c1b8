"""The toy paper's model: a cycle from A whose first half takes on the mean colour of B."""

import tensorflow as tf

from tests.cases.toy.network import inputs
from tfpix2pix import losses
from tfpix2pix.models import Column, TranslationModel


class Toy(TranslationModel):
    def __init__(self, growing):
        terms = ["AtoB_color", "AtoB_cycle"]
        players = {player: phases["rising"] for player, phases in growing.items()}
        super().__init__(players, terms, translators=("AtoB", "BtoA"), name="toy")
        self.growing = growing
        home = tf.Variable(tf.zeros((2, 2)), trainable=False)
        self.state = {"alpha": tf.Variable(0.0, trainable=False), "home": home}
        self.validation_metrics = {"cycle_l1": "less"}

    def enter(self, phase, progress):
        super().enter(phase, progress)
        self.state["alpha"].assign(progress if phase.name == "rising" else 1.0)
        for player, phases in self.growing.items():
            self.replace(player, phases[phase.name])

    def cycle(self, a, training=False):
        fake = self.players["AtoB"](inputs(a), training=training)
        return fake, self.players["BtoA"](inputs(fake), training=training)

    def train_step(self, batch):
        a, b = batch
        with tf.GradientTape() as tape:
            fake, back = self.cycle(a, training=True)
            color = losses.l1(*(tf.reduce_mean(x, (1, 2), keepdims=True) for x in (b, fake)))
            terms = {"color": self.state["alpha"] * color, "cycle": losses.l1(a, back)}
            objective = self.joint_objective({"AtoB": terms, "BtoA": {}})
        self.apply(self.joint_gradients(tape, objective, self.players))
        return self.logs()

    def validate(self, batch):
        return {"cycle_l1": losses.l1(batch[0], self.cycle(batch[0])[1])}

    def columns(self, batch):
        fake, back = self.cycle(batch[0])
        return {
            "A": Column("source", "AtoB", batch[0]),
            "B'": Column("translation", "AtoB", fake, batch[0]),
            "A''": Column("reconstruction", "AtoB", back),
        }

    def passes(self, batch):
        return [("AtoB", inputs(batch[0])), ("BtoA", inputs(self.cycle(batch[0])[0]))]
