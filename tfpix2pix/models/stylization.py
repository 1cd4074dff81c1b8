"""Stylization: one network of many styles, which are rows of its norms, without pairs."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Optional, Union

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfpix2pix import losses
from tfpix2pix.errors import InputError
from tfpix2pix.layers import DomainNormalization
from tfpix2pix.models.base import TranslationModel
from tfpix2pix.models.columns import Column
from tfpix2pix.models.domain_paths import direction_name, started_rows

TRIAL_SIDE = 64  # Pixels of the image on which a network of features is tried.
TEXTURED = 4  # How many layers' Gram matrices are compared; content is compared by the third.


class Stylization(TranslationModel):
    """Photos in many styles and back, by a generator whose norms have a row for each domain.

    The first domain is of photos, the others are of styles; photos are a style too, so that one
    network goes both ways, as CycleGAN's two do. A step is of one style, in turns. One
    discriminator judges all domains, by a logit for each.

    Args:
        players: Dict of "generator", of `[image, weights]`, and "discriminator", of images to
            logits of each domain.
        domains: Names of the domains.
        new_style: Name of the one domain whose rows are trained; by default all of the generator.
        cycle_weight: Weight of the L1 between images and what comes back.
        identity_weight: Weight of the L1 between images and what their own style makes of them, as
            a multiple of the cycle weight.
        perceptual: Function of images to a list of features, for the next two terms; by default
            there are none.
        content_weight: Weight of the difference between features of photos and their translations.
        gram_weight: Weight of that between the Gram matrices of images of the style and
            translations.
        adversarial: `tfpix2pix.losses.AdversarialLoss`.
        name: Name of the model.

    Raises:
        ValueError: If there are fewer than two domains, or the new style is none of the styles.

    Attributes:
        domains: Names of the domains.

    Example:
        >>> from tfpix2pix import networks
        >>> generator = networks.stylization_generator((8, 8, 3), base_filters=4, blocks=1)
        >>> judge = networks.image_discriminator(
        ...     (8, 8, 3), receptive_field=1, base_filters=4, domains=2
        ... )
        >>> players = {"generator": generator, "discriminator": judge}
        >>> model = Stylization(players, ("photos", "ink"))
        >>> model.compile()
        >>> model.translate(tf.zeros((1, 8, 8, 3)), [0.5, 0.5]).shape
        TensorShape([1, 8, 8, 3])

    Reference:
        [Dumoulin et al., 2016](https://arxiv.org/abs/1610.07629), of the styles; [Zhu et al.,
        2017](https://arxiv.org/abs/1703.10593), of the terms; [Choi et al.,
        2020](https://arxiv.org/abs/1912.01865), of one discriminator with a logit for each domain.
    """

    validation_metrics: ClassVar = {"cycle_l1": "less", "identity_l1": "less"}

    def __init__(
        self,
        players: dict[str, keras.Model],
        domains: Sequence[str],
        *,
        new_style: Optional[str] = None,
        cycle_weight: float = 10.0,
        identity_weight: float = 0.5,
        perceptual: Optional[Callable] = None,
        content_weight: float = 1.0,
        gram_weight: float = 1.0,
        adversarial: losses.AdversarialLoss = losses.least_squares,
        name: str = "stylization",
    ):
        domains = tuple(domains)
        if len(domains) < 2 or new_style not in (None, *domains[1:]):
            raise InputError(
                "`domains` must name that of photos, then one style or more, and `new_style` one "
                f"of the styles. Received: domains={domains}, new_style={new_style!r}. Name them."
            )
        terms = ["gan", "cycle", *(["identity"] if identity_weight else [])]
        terms += ["content", "gram"] if perceptual else []
        terms = [f"generator_{term}" for term in terms]
        super().__init__(players, [*terms, "discriminator_gan"], name=name)
        self.domains = domains
        self.new_style = new_style
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.perceptual = perceptual
        self.content_weight = content_weight
        self.gram_weight = gram_weight
        self.adversarial = adversarial
        if new_style is not None:
            for layer in players["generator"].layers:
                layer.trainable = isinstance(layer, DomainNormalization)

    @property
    def notes(self):
        """What is trained, if not all, and by whose features; these are tried before a training.

        Raises:
            ValueError: If the network of features cannot be read, or does not take such images.
        """
        notes = []
        if self.new_style is not None:
            notes.append(f"Of the generator only the rows of {self.new_style!r} are trained.")
        if self.perceptual is not None:
            channels = self.players["generator"].output_shape[-1]
            self.perceptual(tf.zeros((1, TRIAL_SIDE, TRIAL_SIDE, channels)))
            name = getattr(self.perceptual, "name", "a network")
            notes.append(f"Translations are compared by features of {name} too.")
        return tuple(notes)

    @property
    def discriminator_losses(self):
        """The discriminator's."""
        return {"discriminator_gan": self._discriminator_loss}

    def enter(self, phase, progress: float) -> None:
        """Makes the counter of steps, which several devices cannot make within the first one."""
        super().enter(phase, progress)
        self.updates_taken("generator")

    def call(self, images, training: bool = False):
        """Translates a batch of photos into the first style; see `translate`."""
        return self._made(images, self._rows(1, images), training=training)

    @tf.function(reduce_retracing=True, autograph=False)
    def translate(self, images, style: Union[int, tf.Tensor] = 1):
        """Translates images into a style, or a blend of several.

        Args:
            images: float `[batch, height, width, channels]` in [-1, 1], of sides that are multiples
                of 4.
            style: Weights of the domains, float `[domains]` or `[batch, domains]`; or int, the
                number of one.

        Returns:
            float32 `[batch, height, width, channels]` in (-1, 1).
        """
        style = tf.convert_to_tensor(style)
        if style.dtype.is_integer:
            return self._made(images, self._rows(style, images))
        rows = tf.broadcast_to(style, (tf.shape(images)[0], len(self.domains)))
        return self._made(images, rows)

    def _made(self, images, rows, *, training=False):
        return self.players["generator"]([images, rows], training=training)

    def _rows(self, number, images):
        """Returns the weights of one domain for each image."""
        return tf.repeat(tf.one_hot([number], len(self.domains)), tf.shape(images)[0], axis=0)

    def train_step(self, batch):
        """Trains on photos and images of one style: both players from one state."""
        first = 1 if self.new_style is None else self.domains.index(self.new_style)
        turns = len(self.domains) - 1 if self.new_style is None else 1
        turn = tf.cast(self.updates_taken("generator") % turns, "int32")
        styled = tf.stack(batch[first : first + turns])[turn]
        gradients = partial(self._gradients, first + turn)
        self.apply(self.over_micro_batches((batch[0], styled), gradients, list(self.players)))
        return self.logs()

    def _gradients(self, number, photos, styled):
        images = tf.concat([photos, styled], 0)
        own = tf.concat([self._rows(0, photos), self._rows(number, styled)], 0)
        other = tf.concat([self._rows(number, photos), self._rows(0, styled)], 0)
        judging = tf.GradientTape(watch_accessed_variables=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.players["generator"].trainable_variables)
            made = self._made(images, other, training=True)
            with judging:  # What it says of translations, both players learn from.
                judging.watch(self.players["discriminator"].trainable_variables)
                fake = self._judged(made, other)
            terms = {
                "gan": _both(self.adversarial.generator(fake)),
                "cycle": self.cycle_weight * self._distance(images, made, own),
            }
            if self.identity_weight:
                weight = self.identity_weight * self.cycle_weight
                terms["identity"] = weight * self._distance(images, images, own)
            if self.perceptual:
                terms |= self._compared(photos, styled, made[: tf.shape(photos)[0]])
            objective = self.objective("generator", **terms)
        gradients = self.gradients(tape, objective, "generator")
        if self.new_style is not None:
            # The moments of the other rows stay 0, and so these rows stay as they are.
            row = self._rows(number, photos)[0][:, tf.newaxis]
            gradients = [gradient * row for gradient in gradients]
        with judging:
            real = self._judged(images, own)
            judged = self.objective(
                "discriminator", gan=_both(self._discriminator_loss(real, fake))
            )
        self.logits["real"].update_state(real)
        self.logits["fake"].update_state(fake)
        return {
            "generator": gradients,
            "discriminator": self.gradients(judging, judged, "discriminator"),
        }

    def _judged(self, images, rows):
        """Returns the logits of whether images are of the domain of their rows."""
        logits = self.players["discriminator"](images, training=True)
        return tf.reduce_sum(logits * rows[:, tf.newaxis, tf.newaxis], -1, keepdims=True)

    def _distance(self, images, sources, rows):
        """Returns how far images are from what their own style makes of sources, of both kinds."""
        return _both(losses.l1(images, self._made(sources, rows, training=True)))

    def _compared(self, photos, styled, made):
        """Returns the terms of features: content as of the photos, texture as of the style."""
        of_photos, of_style, of_made = map(self.perceptual, (photos, styled, made))
        deep = slice(min(2, len(of_made) - 1), 3)
        content = losses.content(of_photos[deep], of_made[deep])
        gram = losses.gram(of_style[:TEXTURED], of_made[:TEXTURED])
        return {"content": self.content_weight * content, "gram": self.gram_weight * gram}

    def _discriminator_loss(self, real_logits, fake_logits):
        return 0.5 * self.adversarial.discriminator(real_logits, fake_logits)

    def validate(self, batch):
        """Measures what comes back, and what its own style leaves as it is: L1 in [0, 2]."""
        identity, cycle = [], []
        for number, images in enumerate(batch):
            identity.append(losses.l1(images, self.translate(images, number)))
            for other in range(1, len(batch)) if number == 0 else [0]:
                made = self.translate(images, other)
                cycle.append(losses.l1(images, self.translate(made, number)))
        return {"cycle_l1": _mean(cycle), "identity_l1": _mean(identity)}

    def columns(self, batch):
        """Translates a batch: a photo in each style and back, and each style as a photo."""
        photos, *styled = batch
        names = self.domains
        forth = [direction_name(names[0], style) for style in names[1:]]
        columns = {names[0]: Column("source", forth[0], photos)}
        for number, (direction, real) in enumerate(zip(forth, styled), 1):
            made = self.translate(photos, number)
            columns[names[number]] = Column("translation", direction, made, photos, real)
        columns[f"{names[0]} again"] = Column(
            "reconstruction",
            forth[0],
            self.translate(self.translate(photos, 1), 0),
            restore=partial(self.translate, style=0),
        )
        for number, images in enumerate(styled, 1):
            back = direction_name(names[number], names[0])
            made = self.translate(images, 0)
            columns[f"real {names[number]}"] = Column("source", back, images)
            columns[f"{names[number]} as {names[0]}"] = Column(
                "translation", back, made, images, photos
            )
        return columns

    def images(self, batch):
        """Names the images of all domains."""
        return dict(zip(self.domains, batch))

    def passes(self, batch):
        """Lists the passes of a step of each style: made, brought back, and judged."""
        photos, *styled = batch
        listed = []
        for number, images in enumerate(styled, 1):
            for source, own, other in ((photos, 0, number), (images, number, 0)):
                made = self.translate(source, other)
                listed += [
                    ("generator", [source, self._rows(other, source)]),
                    ("generator", [made, self._rows(own, source)]),
                    ("discriminator", source),
                    ("discriminator", made),
                ]
        return listed

    def starting_weights(self, layer, other_layer, other) -> Optional[list]:
        """Returns the weights of another model's layer; those of a domain by its name.

        A domain that the other lacks starts with the mean of its domains.

        Args:
            layer: As of `TranslationModel`.
            other_layer: As of that.
            other: As of that.

        Returns:
            As of that.
        """
        others = getattr(other, "domains", self.domains)
        is_head = layer is self.players["discriminator"].layers[-1]
        if others == self.domains or not (is_head or isinstance(layer, DomainNormalization)):
            return super().starting_weights(layer, other_layer, other)
        axis = -1 if is_head else 0
        weights = [np.moveaxis(rows, axis, 0) for rows in other_layer.get_weights()]
        started = [started_rows(rows, self.domains, others) for rows in weights]
        return [np.moveaxis(rows, 0, axis) for rows in started]


def _both(values):
    """Returns the sums of the values of photos and of those of images of a style, `[batch]`."""
    return tf.reduce_sum(tf.reshape(values, (2, -1)), 0)


def _mean(values):
    return tf.add_n(values) / len(values)
