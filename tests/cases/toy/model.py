"""The model of the toy paper: a cycle whose first half has to look like B, more and more."""

from typing import ClassVar

import tensorflow as tf

from tests.cases.toy.network import own_style
from tfpix2pix import losses
from tfpix2pix.models import Column, TranslationModel


class Toy(TranslationModel):
    """Translates A to B and back; players are `AtoB`, `BtoA` and `discriminator`."""

    validation_metrics: ClassVar = {"cycle_l1": "less"}

    def __init__(self, players):
        terms = ["AtoB_gan", "AtoB_cycle", "BtoA_cycle", "discriminator_gan"]
        super().__init__(players, terms, translators=("AtoB", "BtoA"), name="toy")
        self.alpha = tf.Variable(0.0, trainable=False)
        self.state = {"alpha": self.alpha}

    def enter(self, phase, share):
        """Raises the weight of the adversarial term over the first phase."""
        self.alpha.assign(share if phase.name == "rising" else 1.0)

    def translated(self, direction, image, training=False):
        """Translates with the image's own style."""
        return self.players[direction]([image, own_style(image)], training=training)

    def train_step(self, batch):
        """Updates all players at once."""
        a, b = batch
        discriminator = self.players["discriminator"]
        with tf.GradientTape(persistent=True) as tape:
            fake = self.translated("AtoB", a, training=True)
            cycle = losses.l1(a, self.translated("BtoA", fake, training=True))
            real_logits, fake_logits = discriminator(b), discriminator(fake)
            gan = self.alpha * losses.least_squares.generator(fake_logits)
            judging = losses.least_squares.discriminator(real_logits, fake_logits)
            objectives = {
                "AtoB": self.objective("AtoB", gan=gan, cycle=cycle),
                "BtoA": self.objective("BtoA", cycle=cycle),
                "discriminator": self.objective("discriminator", gan=judging),
            }
        self.apply(
            {player: self.gradients(tape, objectives[player], player) for player in objectives}
        )
        return self.logs()

    def validate(self, batch):
        """Measures the cycle from A."""
        return {"cycle_l1": losses.l1(batch[0], self.columns(batch)["A''"].images)}

    def columns(self, batch):
        """Shows A, its translation and the way back."""
        a, _ = batch
        fake = self.translated("AtoB", a)
        return {
            "A": Column("source", "AtoB", a),
            "B'": Column("translation", "AtoB", fake, a),
            "A''": Column("reconstruction", "AtoB", self.translated("BtoA", fake)),
        }

    def passes(self, batch):
        """Lists the first pass of each player."""
        a, b = batch
        return [("AtoB", [a, own_style(a)]), ("discriminator", b)]
