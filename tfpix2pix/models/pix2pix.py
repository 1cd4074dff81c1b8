"""pix2pix: a conditional GAN on image pairs."""

import tensorflow as tf

from tfpix2pix import losses
from tfpix2pix.models.base import TranslationModel


class Pix2Pix(TranslationModel):
    """Translates images after learning from pairs: conditional GAN loss plus weighted L1.

    Call `compile()` for the paper's optimizers, then `fit` on a dataset of `(source, target)`
    batches, float `[batch, height, width, channels]` in [-1, 1].

    Args:
        generator: `keras.Model` of source images to translated ones, such as `unet_generator`.
        discriminator: `keras.Model` of `[source, target]` to logits, such as `patch_discriminator`.
        l1_weight: Weight of the L1 term beside the adversarial one.
        gan_weight: Weight of the generator's adversarial term; 0 leaves the L1 alone.
        adversarial: A `tfpix2pix.losses.AdversarialLoss`.
        name: Name of the model.

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
        name="pix2pix",
    ):
        players = {"generator": generator, "discriminator": discriminator}
        super().__init__(players, ("discriminator_gan", "generator_gan", "generator_l1"), name=name)
        self.l1_weight = l1_weight
        self.gan_weight = gan_weight
        self.adversarial = adversarial

    @property
    def discriminator(self):
        """The network that judges pairs."""
        return self.players["discriminator"]

    def train_step(self, data):
        """Trains on one batch of pairs: the discriminator first, then the generator against it."""
        source, target = data
        with tf.GradientTape() as generator_tape:
            translated = self.generator(source, training=True)

            # Discriminator: tell pairs apart. Halved to slow it relative to the generator (section
            # 3.3).
            with generator_tape.stop_recording(), tf.GradientTape() as tape:
                real_logits = self.discriminator([source, target], training=True)
                fake_logits = self.discriminator([source, translated], training=True)
                judging = 0.5 * self.adversarial.discriminator(real_logits, fake_logits)
                discriminator_loss = self.objective("discriminator", gan=judging)
            with generator_tape.stop_recording():
                self.descend(tape, discriminator_loss, "discriminator")

            # Generator: be taken for real by the updated discriminator, and stay close to the
            # target.
            fake_logits = self.discriminator([source, translated], training=True)
            fooling = self.gan_weight * self.adversarial.generator(fake_logits)
            distance = self.l1_weight * losses.l1(target, translated)
            generator_loss = self.objective("generator", gan=fooling, l1=distance)
        self.descend(generator_tape, generator_loss, "generator")
        return self.logs()
