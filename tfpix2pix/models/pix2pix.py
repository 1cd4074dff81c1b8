"""pix2pix: a conditional GAN on image pairs."""

import tensorflow as tf

from tfpix2pix import losses
from tfpix2pix.errors import InputError
from tfpix2pix.models.base import TranslationModel

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

    def __init__(
        self,
        generator,
        discriminator,
        *,
        l1_weight=100.0,
        gan_weight=1.0,
        adversarial=losses.cross_entropy,
        penalty=None,
        extra_losses=None,
        update="alternating",
        discriminator_steps=1,
        name="pix2pix",
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
        of_discriminator = ["discriminator_gan", *(["discriminator_penalty"] if penalty else [])]
        of_generator = [f"generator_{term}" for term in ("gan", "l1", *extra_losses)]
        players = {"generator": generator, "discriminator": discriminator}
        super().__init__(players, [*of_discriminator, *of_generator], name=name)
        self.l1_weight = l1_weight
        self.gan_weight = gan_weight
        self.adversarial = adversarial
        self.penalty = penalty
        self.extra_losses = extra_losses
        self.update = update
        self.discriminator_steps = discriminator_steps

    @property
    def discriminator(self):
        """The network that judges pairs."""
        return self.players["discriminator"]

    def images(self, batch):
        """Returns the images of a batch by their names."""
        source, target = batch
        return {"source": source, "target": target}

    def passes(self, batch):
        """Returns the passes of a step as `(player, inputs)`."""
        source, target = batch
        translated = self.generator(source, training=False)
        return [
            ("generator", source),
            ("discriminator", [source, target]),
            ("discriminator", [source, translated]),
        ]

    def train_step(self, data):
        """Trains on one batch of pairs: the discriminator first, then the generator against it."""
        if self.update == "simultaneous":
            self.apply(self.over_parts(data, self._both_gradients, *self.players))
            return self.logs()
        if self.parts > 1:
            return self._step_by_parts(data)
        source, target = data
        with tf.GradientTape() as generator_tape:
            translated = self.generator(source, training=True)

            # Discriminator: tell pairs apart.
            with generator_tape.stop_recording():
                for _ in range(self.discriminator_steps):
                    with tf.GradientTape() as tape:
                        fake_logits = self.discriminator([source, translated], training=True)
                        judging = self._judging(source, target, translated, fake_logits)
                    self.descend(tape, judging, "discriminator")

            # Generator: be taken for real by the updated discriminator, and stay close to the
            # target.
            fake_logits = self.discriminator([source, translated], training=True)
            fooling = self._fooling(source, target, translated, fake_logits)
        self.descend(generator_tape, fooling, "generator")
        return self.logs()

    def _step_by_parts(self, data):
        """Takes the same step with each part translated anew for each player, to keep none."""

        def judged(source, target):
            translated = self.generator(source, training=True)
            with tf.GradientTape() as tape:
                fake_logits = self.discriminator([source, translated], training=True)
                judging = self._judging(source, target, translated, fake_logits)
            return {"discriminator": self.gradients(tape, judging, "discriminator")}

        def fooled(source, target):
            with tf.GradientTape() as tape:
                translated = self.generator(source, training=True)
                fake_logits = self.discriminator([source, translated], training=True)
                fooling = self._fooling(source, target, translated, fake_logits)
            return {"generator": self.gradients(tape, fooling, "generator")}

        for _ in range(self.discriminator_steps):
            self.apply(self.over_parts(data, judged, "discriminator"))
        self.apply(self.over_parts(data, fooled, "generator"))
        return self.logs()

    def _both_gradients(self, source, target):
        with tf.GradientTape() as generator_tape, tf.GradientTape() as tape:
            translated = self.generator(source, training=True)
            fake_logits = self.discriminator([source, translated], training=True)
            with generator_tape.stop_recording():
                judging = self._judging(source, target, translated, fake_logits)
            with tape.stop_recording():
                fooling = self._fooling(source, target, translated, fake_logits)
        return {
            "discriminator": self.gradients(tape, judging, "discriminator"),
            "generator": self.gradients(generator_tape, fooling, "generator"),
        }

    def _judging(self, source, target, translated, fake_logits):
        real_logits = self.discriminator([source, target], training=True)
        self.logits["real"].update_state(real_logits)
        self.logits["fake"].update_state(fake_logits)
        # Halved to slow the discriminator relative to the generator (section 3.3).
        terms = {"gan": 0.5 * self.adversarial.discriminator(real_logits, fake_logits)}
        if self.penalty:
            weight, penalty = self.penalty
            translated = tf.stop_gradient(translated)
            noise = self.noise.uniform(tf.shape(target))
            terms["penalty"] = weight * penalty(
                lambda judged: self.discriminator([source, judged], training=True),
                target,
                translated,
                noise,
            )
        return self.objective("discriminator", **terms)

    def _fooling(self, source, target, translated, fake_logits):
        extra = {name: loss(source, target, translated) for name, loss in self.extra_losses.items()}
        return self.objective(
            "generator",
            gan=self.gan_weight * self.adversarial.generator(fake_logits),
            l1=self.l1_weight * losses.l1(target, translated),
            **extra,
        )
