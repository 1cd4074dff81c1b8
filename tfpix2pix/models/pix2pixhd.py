"""pix2pixHD: a conditional GAN of large images, of labels, instances and features of these."""

from typing import Callable, ClassVar, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import losses, metrics
from tfpix2pix.errors import InputError
from tfpix2pix.layers import InstanceBoundaries, InstanceMean
from tfpix2pix.models.base import TranslationModel
from tfpix2pix.models.columns import Column

TRIAL_SIDE = 64  # Pixels that every network of features has layers for.
ENHANCER = "enhancer"  # Begins the names of layers that a second stage adds.


class Pix2PixHD(TranslationModel):
    """Translates label maps into photos after learning from pairs, with instances if there are.

    Call `compile()`, then `fit` on a dataset of `(source, target)` or `(source, instances, target)`
    batches: float `[batch, height, width, channels]` in [-1, 1], and int32 `[batch, height, width,
    1]`. The generator sees the source, label maps as 0 and 1 in the channel of each class, where
    instances meet, and the mean of the encoder's features over each instance; the discriminator all
    but the features.

    All gradients come from the networks as they are before the step, and from one translation.

    Args:
        generator: `keras.Model` of the joined channels to images, such as `resnet_generator` of
            four halvings, or `enhanced_generator`.
        discriminator: `keras.Model` of `[condition, target]` to the outputs of all layers of all
            scales, such as `multiscale_discriminator`.
        encoder: `keras.Model` of images to features, or `None` for none.
        scales: How many scales the discriminator has.
        has_labels: Whether sources are label maps, 1 in the channel of a class and -1 in others.
        has_instances: Whether batches have maps of instances.
        gan_weight: Weight of the generator's adversarial term.
        feature_weight: Weight of the feature matching.
        perceptual: Function of images to a list of features by which translations are compared
            with targets too, such as `tfpix2pix.networks.PerceptualFeatures`; by default none.
        perceptual_weight: Weight of that.
        adversarial: A `tfpix2pix.losses.AdversarialLoss`; it is summed over scales.
        name: Name of the model.

    Raises:
        ValueError: If there is an encoder without instances, or the discriminator has another
            number of scales.

    Example:
        >>> from tfpix2pix.networks import multiscale_discriminator, resnet_generator
        >>> generator = resnet_generator((32, 32, 5), base_filters=4, blocks=1)
        >>> discriminator = multiscale_discriminator((32, 32, 5), base_filters=4)
        >>> model = Pix2PixHD(generator, discriminator, has_instances=True)
        >>> model.compile()
        >>> model.translate((tf.zeros((1, 32, 32, 4)), tf.ones((1, 32, 32, 1), "int32"))).shape
        TensorShape([1, 32, 32, 3])

    Reference:
        [Wang et al., 2018](https://arxiv.org/abs/1711.11585).
    """

    ids: ClassVar = ("instances",)
    validation_metrics: ClassVar = {"l1": "less", "psnr": "more", "ssim": "more"}

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        encoder: Optional[keras.Model] = None,
        *,
        scales: int = 2,
        has_labels: bool = True,
        has_instances: bool = False,
        gan_weight: float = 1.0,
        feature_weight: float = 10.0,
        perceptual: Optional[Callable] = None,
        perceptual_weight: float = 10.0,
        adversarial: losses.AdversarialLoss = losses.least_squares,
        name: str = "pix2pixhd",
    ):
        outputs = len(discriminator.outputs)
        if (encoder is not None and not has_instances) or outputs % scales:
            raise InputError(
                "An encoder needs instances, and the discriminator as many outputs for each scale. "
                f"Received: has_instances={has_instances}, scales={scales} and {outputs} outputs. "
                "Change one of them."
            )
        players = {"generator": generator, "discriminator": discriminator}
        players |= {"encoder": encoder} if encoder is not None else {}
        terms = ["generator_gan", "discriminator_gan"]
        terms += ["generator_features"] if feature_weight else []
        terms += ["generator_perceptual"] if perceptual else []
        translators = tuple(player for player in players if player != "discriminator")
        super().__init__(players, terms, translators=translators, name=name)
        self.scales = scales
        self.has_labels = has_labels
        self.has_instances = has_instances
        self.gan_weight = gan_weight
        self.feature_weight = feature_weight
        self.perceptual = perceptual
        self.perceptual_weight = perceptual_weight
        self.adversarial = adversarial
        self.boundaries = InstanceBoundaries(name="source_boundaries")
        self.means = InstanceMean(name="features_mean")

    @property
    def notes(self):
        """Which network's features translations are compared by; it is tried so before a training.

        Raises:
            ValueError: If the network cannot be read, or does not take such images.
        """
        if self.perceptual is None:
            return ()
        channels = self.players["generator"].output_shape[-1]
        self.perceptual(tf.zeros((1, TRIAL_SIDE, TRIAL_SIDE, channels)))
        name = getattr(self.perceptual, "name", "a network")
        return (f"Translations are compared with targets by features of {name} too.",)

    @property
    def discriminator_losses(self):
        """The discriminator's, of one scale."""
        return {"discriminator_gan": self._discriminator_loss} if self.gan_weight else {}

    def enter(self, phase, progress: float) -> None:
        """Trains the layers of enhancers alone in a phase that is called so, else all."""
        super().enter(phase, progress)
        for layer in self.players["generator"].layers:
            layer.trainable = phase.name != ENHANCER or layer.name.startswith(ENHANCER)

    def condition(self, source, instances=None):
        """Joins what generator and discriminator see of a source.

        Args:
            source: float `[batch, height, width, channels]` in [-1, 1].
            instances: int32 `[batch, height, width, 1]`, if the model has instances.

        Returns:
            float of the same sides.
        """
        shown = (source + 1.0) / 2.0 if self.has_labels else source
        if not self.has_instances:
            return shown
        return tf.concat([shown, tf.cast(self.boundaries(instances), shown.dtype)], axis=-1)

    def encode(self, images, instances, *, training: bool = False):
        """Returns the mean of the encoder's features of images over each instance.

        Args:
            images: float `[batch, height, width, channels]` in [-1, 1].
            instances: int32 `[batch, height, width, 1]`.
            training: Whether the encoder is in training.

        Returns:
            float `[batch, height, width, features]` in (-1, 1).
        """
        return self.means([self.players["encoder"](images, training=training), instances])

    def call(self, inputs, training: bool = False):
        """Translates a batch; see `translate`."""
        return self._generated(*self._parts(inputs), training=training)

    @tf.function(reduce_retracing=True, autograph=False)
    def translate(self, inputs):
        """Translates images.

        Args:
            inputs: The source, float `[batch, height, width, channels]` in [-1, 1]; or a tuple of
                it, of the instances, if the model has any, and of the features, if it has an
                encoder, float `[batch, height, width, features]`.

        Returns:
            float32 `[batch, height, width, output_channels]` in (-1, 1).
        """
        return self._generated(*self._parts(inputs), training=False)

    def _parts(self, inputs):
        source, *more = inputs if isinstance(inputs, (list, tuple)) else (inputs,)
        instances = more.pop(0) if self.has_instances else None
        return self.condition(source, instances), *more

    def _generated(self, condition, *features, training):
        joined = tf.concat([condition, *features], axis=-1) if features else condition
        return self.players["generator"](joined, training=training)

    def train_step(self, batch):
        """Trains on one batch: all players from one state and one translation."""
        self.apply(self.over_micro_batches(batch, self._gradients, list(self.players)))
        return self.logs()

    def _gradients(self, *batch):
        source, *more, target = batch
        condition = self.condition(source, *more)
        with tf.GradientTape() as forward:
            encoded = "encoder" in self.players
            features = [self.encode(target, *more, training=True)] if encoded else []
            translated = self._generated(condition, *features, training=True)
        discriminator = self.players["discriminator"]
        # Of the pass on the translation the generator descends with respect to the translation
        # alone, and the discriminator with respect to its weights.
        with (
            tf.GradientTape() as of_judge,
            tf.GradientTape(watch_accessed_variables=False) as of_image,
        ):
            of_image.watch(translated)
            fake = self._by_scale(discriminator([condition, translated], training=True))
            with of_image.stop_recording():
                real = self._by_scale(discriminator([condition, target], training=True))
                judged = self._discriminator_objective(real, fake)
            objective = self._generator_objective(real, fake, target, translated)
        upstream = of_image.gradient(objective, translated)
        return {
            **self.joint_gradients(
                forward, translated, self.translators, output_gradients=upstream
            ),
            "discriminator": self.gradients(of_judge, judged, "discriminator"),
        }

    def _by_scale(self, outputs):
        """Returns the outputs of each scale."""
        count = len(outputs) // self.scales
        return [outputs[start : start + count] for start in range(0, len(outputs), count)]

    def _discriminator_objective(self, real, fake):
        """The discriminator's objective: tell real pairs from translated ones, at every scale."""
        logits = [(a[-1], b[-1]) for a, b in zip(real, fake)]
        for one, other in logits:
            self.logits["real"].update_state(one)
            self.logits["fake"].update_state(other)
        gan = tf.add_n([self._discriminator_loss(*pair) for pair in logits])
        return self.objective("discriminator", gan=gan)

    def _discriminator_loss(self, real_logits, fake_logits):
        return 0.5 * self.adversarial.discriminator(real_logits, fake_logits)

    def _generator_objective(self, real, fake, target, translated):
        """The generator's objective: be taken for real, and have the features of real images."""
        gan = tf.add_n([self.adversarial.generator(outputs[-1]) for outputs in fake])
        terms = {"gan": self.gan_weight * gan}
        if self.feature_weight:
            terms["features"] = self.feature_weight * losses.feature_matching(real, fake)
        if self.perceptual:
            features = self.perceptual(target), self.perceptual(translated)
            terms["perceptual"] = self.perceptual_weight * losses.perceptual(*features)
        players = {player: {} for player in self.translators}
        return self.joint_objective({**players, "generator": terms})

    def translation_inputs(self, batch) -> tuple:
        """Returns what `translate` takes of a batch, with the features of its targets.

        Args:
            batch: As of `train_step`.

        Returns:
            Tuple of tensors.
        """
        *inputs, target = batch
        if "encoder" in self.players:
            inputs.append(self.encode(target, inputs[-1]))
        return tuple(inputs)

    def validate(self, batch):
        """Measures translations beside their targets: L1, PSNR and SSIM."""
        translated = self.translate(self.translation_inputs(batch))
        return {
            "l1": losses.l1(batch[-1], translated),
            "psnr": metrics.psnr(batch[-1], translated),
            "ssim": metrics.ssim(batch[-1], translated),
        }

    def columns(self, batch):
        """Translates a batch: input, instances, output and target."""
        source, *instances, target = batch
        translated = self.translate(self.translation_inputs(batch))
        others = {}
        if instances:
            others["instances"] = Column("instances", "translate", *instances)
        return {
            "input": Column("source", "translate", source),
            **others,
            "output": Column("translation", "translate", translated, source),
            "target": Column("target", "translate", target, source),
        }

    def images(self, batch):
        """Names the images of an example."""
        source, *others, target = batch
        named = {"instances": others[0]} if others else {}
        return {"source": source, **named, "target": target}

    def passes(self, batch):
        """Lists the passes of a step: encoder, generator, discriminator on real and fake."""
        source, *more, target = batch
        condition = self.condition(source, *more)
        encoded = "encoder" in self.players
        features = [self.encode(target, *more)] if encoded else []
        joined = tf.concat([condition, *features], axis=-1)
        translated = self.players["generator"](joined, training=False)
        return [
            *([("encoder", target)] if encoded else []),
            ("generator", joined),
            ("discriminator", [condition, target]),
            ("discriminator", [condition, translated]),
        ]
