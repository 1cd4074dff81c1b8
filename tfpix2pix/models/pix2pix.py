"""pix2pix: a conditional GAN on image pairs."""

from contextlib import ExitStack
from functools import partial
from typing import Callable, ClassVar, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import losses, metrics
from tfpix2pix.errors import InputError
from tfpix2pix.models.base import TranslationModel
from tfpix2pix.models.columns import Column

UPDATES = ("alternating", "simultaneous")


class Pix2Pix(TranslationModel):
    """Translates images after learning from pairs: conditional GAN loss plus weighted L1.

    Call `compile()` for the paper's optimizers, then `fit` on a dataset of `(source, target)`
    batches, float `[batch, height, width, channels]` in [-1, 1].

    Args:
        generator: `keras.Model` of source images to translated ones, such as `unet_generator`.
        discriminator: `keras.Model` of `[source, target]` to logits, such as
            `patch_discriminator`.
        l1_weight: Weight of the L1 term beside the adversarial one.
        gan_weight: Weight of the generator's adversarial term; 0 leaves the others alone.
        adversarial: A `tfpix2pix.losses.AdversarialLoss`.
        penalty: `(weight, function)` of the discriminator's gradient penalty, the function one of
            `tfpix2pix.losses.wgan_gp`, `dragan` and `r1`, or `None`.
        extra_losses: Dict of name to a function of `(source, target, translated)` to float32
            `[batch]` that the generator minimizes too; logged as `"generator_{name}"`.
        update: `"alternating"`: the generator learns from the updated discriminator.
            `"simultaneous"`: both learn from one pass before either is updated, which saves one
            of the discriminator's three.
        discriminator_steps: Steps that the discriminator takes per step of the generator, on the
            same batch.
        name: Name of the model.

    Raises:
        ValueError: If the update is unknown, or simultaneous with several discriminator steps.

    Example:
        >>> from tfpix2pix.networks import patch_discriminator, unet_generator
        >>> generator = unet_generator((32, 32, 3), depth=3, base_filters=4)
        >>> discriminator = patch_discriminator((32, 32, 3), base_filters=4, receptive_field=16)
        >>> model = Pix2Pix(generator, discriminator)
        >>> model.compile()
        >>> model.translate(tf.zeros((1, 32, 32, 3))).shape
        TensorShape([1, 32, 32, 3])

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004).
    """

    validation_metrics: ClassVar = {"l1": "less", "psnr": "more", "ssim": "more"}

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        l1_weight: float = 100.0,
        gan_weight: float = 1.0,
        adversarial: losses.AdversarialLoss = losses.cross_entropy,
        penalty: Optional[tuple[float, Callable]] = None,
        extra_losses: Optional[dict[str, Callable]] = None,
        update: str = "alternating",
        discriminator_steps: int = 1,
        name: str = "pix2pix",
    ):
        if update not in UPDATES:
            raise InputError(
                f"`update` must be one of {sorted(UPDATES)}. Received: update={update!r}."
            )
        if discriminator_steps < 1 or (discriminator_steps > 1 and update == "simultaneous"):
            raise InputError(
                "`discriminator_steps` must be at least 1, and 1 for a simultaneous update. "
                f"Received: discriminator_steps={discriminator_steps}, update={update!r}."
            )
        extra_losses = dict(extra_losses or {})
        terms = ["discriminator_gan", *(["discriminator_penalty"] if penalty else [])]
        terms += [f"generator_{term}" for term in ("gan", "l1", *extra_losses)]
        super().__init__({"generator": generator, "discriminator": discriminator}, terms, name=name)
        self.validation_l1 = keras.metrics.Mean(name="l1")
        self.l1_weight = l1_weight
        self.gan_weight = gan_weight
        self.adversarial = adversarial
        self.penalty = penalty
        self.extra_losses = extra_losses
        self.update = update
        self.discriminator_steps = discriminator_steps

    @property
    def generator(self) -> keras.Model:
        """The network that translates."""
        return self.players["generator"]

    @property
    def discriminator(self) -> keras.Model:
        """The network that judges pairs."""
        return self.players["discriminator"]

    @property
    def metrics(self):
        """All means since the last reset, and the validation L1."""
        return [*super().metrics, self.validation_l1]

    @property
    def discriminator_losses(self):
        """The discriminator's, unless the generator's has no weight: then it wins harmlessly."""
        return {"discriminator_gan": self._discriminator_loss} if self.gan_weight else {}

    def call(self, source, training: bool = False):
        """Translates a batch; see `translate`."""
        return self.generator(source, training=training)

    @tf.function(reduce_retracing=True, autograph=False)
    def translate(self, source):
        """Translates images, without dropout, each by its own statistics.

        Args:
            source: float `[batch, height, width, channels]` in [-1, 1], of a size that the
                generator takes; `tfpix2pix.inference.translate` takes any.

        Returns:
            float32 `[batch, height, width, output_channels]` in (-1, 1).
        """
        return self.generator(source, training=False)

    def judged(self, source):
        """Returns what the discriminator sees of a source: all of it.

        Args:
            source: float `[batch, height, width, channels]`.
        """
        return source

    def train_step(self, batch):
        """Trains on one batch of pairs: the discriminator first, then the generator against it.

        In a simultaneous update both learn from one pass before either moves.
        """
        turns = [("discriminator",)] * self.discriminator_steps + [("generator",)]
        if self.update == "simultaneous":
            turns = [("discriminator", "generator")]
        # All turns share one forward pass, which micro-batches would have to keep in memory.
        forward = self._forward(batch[0]) if self.micro_batches == 1 else None
        for players in turns:
            gradients = partial(self._gradients, players, forward)
            self.apply(self.over_micro_batches(batch, gradients, players))
        return self.logs()

    def _forward(self, source):
        with tf.GradientTape() as tape:
            translated = self.generator(source, training=True)
        return tape, translated

    def _gradients(self, players, forward, source, target):
        """Returns the gradients of the players of one turn; they share the logits of the fake."""
        forward_tape, translated = forward or self._forward(source)
        with ExitStack() as stack:
            tapes = {player: stack.enter_context(tf.GradientTape()) for player in players}
            for tape in tapes.values():
                tape.watch(translated)
            fake_logits = self.discriminator([self.judged(source), translated], training=True)
            objectives = {
                player: self._objectives[player](source, target, translated, fake_logits)
                for player in players
            }
        gradients = {}
        if "discriminator" in players:
            gradients["discriminator"] = self.gradients(
                tapes["discriminator"], objectives["discriminator"], "discriminator"
            )
        if "generator" in players:
            upstream = tapes["generator"].gradient(objectives["generator"], translated)
            gradients["generator"] = self.gradients(
                forward_tape, translated, "generator", output_gradients=upstream
            )
        return gradients

    @property
    def _objectives(self):
        return {
            "discriminator": self._discriminator_objective,
            "generator": self._generator_objective,
        }

    def _discriminator_objective(self, source, target, translated, fake_logits):
        """The discriminator's objective: tell real pairs from translated ones."""
        real_logits = self.discriminator([self.judged(source), target], training=True)
        self.logits["real"].update_state(real_logits)
        self.logits["fake"].update_state(fake_logits)
        terms = {"gan": self._discriminator_loss(real_logits, fake_logits)}
        if self.penalty:
            weight, penalty = self.penalty
            noise = self.noise.uniform(tf.shape(target))

            def judge(image):
                return self.discriminator([self.judged(source), image], training=True)

            terms["penalty"] = weight * penalty(judge, target, tf.stop_gradient(translated), noise)
        return self.objective("discriminator", **terms)

    def _discriminator_loss(self, real_logits, fake_logits):
        # Halved to slow the discriminator relative to the generator (section 3.3).
        return 0.5 * self.adversarial.discriminator(real_logits, fake_logits)

    def _generator_objective(self, source, target, translated, fake_logits):
        """The generator's objective: be taken for real, and stay close to the target."""
        extra = {name: loss(source, target, translated) for name, loss in self.extra_losses.items()}
        return self.objective(
            "generator",
            gan=self.gan_weight * self.adversarial.generator(fake_logits),
            l1=self.l1_weight * losses.l1(target, translated),
            **extra,
        )

    def test_step(self, data):
        """Measures the L1 between translations and targets, in [0, 2]."""
        source, target = data
        self.validation_l1.update_state(losses.l1(target, self.generator(source, training=False)))
        return {"l1": self.validation_l1.result()}

    def validate(self, batch):
        """Measures translations beside their targets: L1, PSNR and SSIM."""
        source, target = batch
        translated = self.translate(source)
        return {
            "l1": losses.l1(target, translated),
            "psnr": metrics.psnr(target, translated),
            "ssim": metrics.ssim(target, translated),
        }

    def columns(self, batch):
        """Translates a batch: input, output and target."""
        source, target = batch
        return {
            "input": Column("source", "translate", source),
            "output": Column("translation", "translate", self.translate(source), source),
            "target": Column("target", "translate", target, source),
        }

    def images(self, batch):
        """Names the two images of a pair."""
        source, target = batch
        return {"source": source, "target": target}

    def passes(self, batch):
        """Lists the passes of a step: the generator, then the discriminator on real and fake."""
        source, target = batch
        translated = self.generator(source, training=False)
        return [
            ("generator", source),
            ("discriminator", [source, target]),
            ("discriminator", [source, translated]),
        ]
