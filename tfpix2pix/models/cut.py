"""CUT: a generator whose translation of each place resembles that place of the source most."""

from functools import partial
from typing import ClassVar, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import losses
from tfpix2pix.errors import InputError
from tfpix2pix.models.base import TranslationModel
from tfpix2pix.models.columns import Column

PLAYERS = ("generator", "discriminator", "projector")


class CUT(TranslationModel):
    """Translates one domain into another, after learning from images that do not belong together.

    Call `compile()` for the paper's optimizers, then `fit` on a dataset of `(a, b)` batches, float
    `[batch, height, width, channels]` in [-1, 1], as for `CycleGAN`.

    The generator is to be taken for real, and a place of its translation is to be told by its
    features from all other places of the source. These features are those of the generator's own
    first half, so each image must be encoded by itself: the networks have no batch norm and no
    dropout. Then a translation's pass gives the features of its source too.

    Args:
        players: Dict of "generator", "discriminator" and "projector", `keras.Model`s:
            `resnet_generator`, `image_discriminator` and `patch_projector`, or others.
        maps: What `feature_maps` returns of the generator: `keras.Model` of an image to a list of
            maps, each of which the projector takes pixels of.
        nce_weight: Weight of the contrastive terms.
        identity: Whether the generator's translations of the target domain are held to these images
            too; both terms then count half.
        mirrored: Whether every second step, by chance, translates the mirrored source, whose
            features are compared with those of the source as it is: "never" or "half".
        patches: Places of each map that are compared, drawn anew for each.
        temperature: As of `tfpix2pix.losses.patch_nce`.
        adversarial: A `tfpix2pix.losses.AdversarialLoss`.
        direction: `"AtoB"`, or `"BtoA"` to translate images of the second domain.
        name: Name of the model.

    Raises:
        ValueError: If players are missing or unknown, or the generator does not take its own
            translations.

    Example:
        >>> from tfpix2pix.networks import feature_maps, image_discriminator, patch_projector
        >>> from tfpix2pix.networks import resnet_generator
        >>> generator = resnet_generator((32, 32, 3), base_filters=4, blocks=1)
        >>> maps = feature_maps(generator, ("image", "down1", "block1"))
        >>> players = {
        ...     "generator": generator,
        ...     "discriminator": image_discriminator((32, 32, 3), receptive_field=16),
        ...     "projector": patch_projector([output.shape[-1] for output in maps.outputs]),
        ... }
        >>> model = CUT(players, maps)
        >>> model.compile()
        >>> model.translate(tf.zeros((1, 32, 32, 3))).shape
        TensorShape([1, 32, 32, 3])

    Reference:
        [Park et al., 2020](https://arxiv.org/abs/2007.15651). FastCUT is `nce_weight=10`,
        `identity=False`, `mirrored="half"`.
    """

    validation_metrics: ClassVar = {"nce": "less", "identity_l1": "less"}

    def __init__(
        self,
        players: dict[str, keras.Model],
        maps: keras.Model,
        *,
        nce_weight: float = 1.0,
        identity: bool = True,
        mirrored: str = "never",
        patches: int = 256,
        temperature: float = 0.07,
        adversarial: losses.AdversarialLoss = losses.least_squares,
        direction: str = "AtoB",
        name: str = "cut",
    ):
        if set(players) != set(PLAYERS):
            raise InputError(
                f"`players` must be {', '.join(PLAYERS)}. Received: {', '.join(sorted(players))}. "
                "Add or remove the others."
            )
        generator = players["generator"]
        channels = generator.input_shape[-1], generator.output_shape[-1]
        if len(set(channels)) > 1:
            raise InputError(
                "The generator must take its own translations, whose features are compared with "
                f"those of their sources. Received: one of {channels[0]} channels to "
                f"{channels[1]}. Give both domains the same channels."
            )
        terms = ["generator_gan", "generator_nce", "discriminator_gan"]
        terms[2:2] = ["generator_identity"] if identity else []
        super().__init__({player: players[player] for player in PLAYERS}, terms, name=name)
        self.maps = maps
        # What one pass gives: the translations, and the maps of what is translated.
        self.pass_with_maps = keras.Model(maps.inputs, [*generator.outputs, *maps.outputs])
        self.nce_weight = nce_weight
        self.identity = identity
        self.mirrored = mirrored
        self.patches = patches
        self.nce = partial(losses.patch_nce, temperature=temperature)
        self.adversarial = adversarial
        self.direction = direction
        self.validation = {name: keras.metrics.Mean(name=name) for name in self.validation_metrics}

    @property
    def metrics(self):
        """All means since the last reset, and those of validation."""
        return [*super().metrics, *self.validation.values()]

    @property
    def discriminator_losses(self):
        """The discriminator's loss."""
        return {"discriminator_gan": self._discriminator_loss}

    def call(self, images, training: bool = False):
        """Translates a batch; see `translate`."""
        return self.players["generator"](images, training=training)

    @tf.function(reduce_retracing=True, autograph=False)
    def translate(self, images):
        """Translates images, each by its own statistics.

        Args:
            images: float `[batch, height, width, channels]` in [-1, 1], of a size that the
                generator takes; `tfpix2pix.inference.translate` takes any.

        Returns:
            float32 `[batch, height, width, channels]` in (-1, 1).
        """
        return self.players["generator"](images, training=False)

    def train_step(self, batch):
        """Trains on a batch: the discriminator, then generator and projector against it."""
        batch = self._ends(batch)
        # Both turns share one pass, which micro-batches would have to keep in memory.
        forward = self._forward(*batch) if self.micro_batches == 1 else None
        turns = {
            PLAYERS[1:2]: self._discriminator_gradients,
            PLAYERS[::2]: self._generator_gradients,
        }
        for players, gradients in turns.items():
            self.apply(self.over_micro_batches(batch, partial(gradients, forward), players))
        return self.logs()

    def _ends(self, batch):
        """Returns the images of the source domain, and those of the target domain."""
        return tuple(batch if self.direction == "AtoB" else batch[::-1])

    def _forward(self, source, target):
        """Returns the tape of the generator's pass, what it makes, and what that is held to."""
        mirrors = self.mirrored == "half"
        is_mirrored = self.noise.uniform(()) < 0.5 if mirrors else tf.constant(False)
        images = tf.concat([source, target], 0) if self.identity else source
        seen = tf.where(is_mirrored, tf.reverse(images, [2]), images) if mirrors else images
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.players["generator"].trainable_variables)
            translated, *keys = self.pass_with_maps(seen, training=True)
        if mirrors:
            passed = keys
            keys = tf.cond(is_mirrored, lambda: self._maps(images), lambda: passed)
        return tape, translated, keys, is_mirrored

    def _maps(self, images):
        return tf.nest.flatten(self.maps(images, training=True))

    def _discriminator_gradients(self, forward, source, target):
        """Returns the gradients of the discriminator: tell real images from translations."""
        _, translated, *_ = forward or self._forward(source, target)
        fake = tf.stop_gradient(translated[: tf.shape(source)[0]])
        discriminator = self.players["discriminator"]
        with tf.GradientTape() as tape:
            real_logits = discriminator(target, training=True)
            fake_logits = discriminator(fake, training=True)
            loss = self._discriminator_loss(real_logits, fake_logits)
            objective = self.objective("discriminator", gan=loss)
        self.logits["real"].update_state(real_logits)
        self.logits["fake"].update_state(fake_logits)
        return {"discriminator": self.gradients(tape, objective, "discriminator")}

    def _discriminator_loss(self, real_logits, fake_logits):
        # Halved as in the reference.
        return 0.5 * self.adversarial.discriminator(real_logits, fake_logits)

    def _generator_gradients(self, forward, source, target):
        """Returns the gradients of generator and projector: be taken for real, keep the content."""
        tape, translated, keys, is_mirrored = forward or self._forward(source, target)
        count = tf.shape(source)[0]
        groups = 2 if self.identity else 1
        places = [self._drawn_places(maps, groups, count) for maps in keys]
        keys = self._vectors(keys, places)
        with tape:
            tape.watch(self.players["projector"].trainable_variables)
            fake_logits = self.players["discriminator"](translated[:count], training=True)
            queries = self._vectors(self._maps(translated), places, is_mirrored)
            nce = self.nce_weight / groups * self._compared(queries, keys)
            terms = {"gan": self.adversarial.generator(fake_logits), "nce": nce[:count]}
            if self.identity:
                terms["identity"] = nce[count:]
            objective = self.joint_objective({"generator": terms, "projector": {}})
        return self.joint_gradients(tape, objective, ("generator", "projector"))

    def _drawn_places(self, maps, groups, count):
        """Draws numbers of pixels of maps, the same for all images of a group: `[batch, patches]`.

        They are distinct, and all subsets are as likely.
        """
        pixels = tf.reduce_prod(tf.shape(maps)[1:3])
        order = self.noise.uniform((groups, pixels))
        drawn = tf.math.top_k(order, tf.minimum(self.patches, pixels), sorted=False).indices
        return tf.repeat(drawn, count, axis=0)

    def _spread_places(self, maps):
        """Returns numbers of pixels from all over maps, without chance: `[batch, patches]`."""
        batch, height, width, _ = tf.unstack(tf.shape(maps))
        pixels = height * width
        count = tf.minimum(self.patches, pixels)
        return tf.repeat((tf.range(count) * pixels // count)[tf.newaxis], batch, axis=0)

    def _vectors(self, maps, places, is_mirrored: Optional[tf.Tensor] = None):
        """Projects pixels of maps, whose places are mirrored if the maps are."""
        pixels = [_pixels_at(*both, is_mirrored) for both in zip(maps, places)]
        return tf.nest.flatten(self.players["projector"](pixels, training=True))

    def _compared(self, queries, keys):
        """Returns the mean over maps of the contrastive loss, float32 `[batch]`."""
        return tf.add_n([self.nce(*both) for both in zip(queries, keys)]) / len(keys)

    def test_step(self, data):
        """Measures the contrastive loss and the L1 of translations of the target domain."""
        for name, values in self.validate(data).items():
            self.validation[name].update_state(values)
        return {name: mean.result() for name, mean in self.validation.items()}

    @tf.function(reduce_retracing=True, autograph=False)
    def validate(self, batch):
        """Measures how well places are told apart, and how far images of the target domain move.

        The contrastive loss is without its weight, over places from all over the maps; the L1 is in
        [0, 2].
        """
        source, target = self._ends(batch)
        keys, queries = (self._maps(images) for images in (source, self.translate(source)))
        places = [self._spread_places(maps) for maps in keys]
        vectors = (self._vectors(maps, places) for maps in (queries, keys))
        return {
            "nce": self._compared(*vectors),
            "identity_l1": losses.l1(target, self.translate(target)),
        }

    def columns(self, batch):
        """Translates a batch: source, translation, and translation of the target domain."""
        source, target = self._ends(batch)
        first, second = "AB" if self.direction == "AtoB" else "BA"
        translated = self.translate(source)
        return {
            first: Column("source", self.direction, source),
            f"{second}'": Column("translation", self.direction, translated, source, target),
            second: Column("variant", self.direction, target),
            f"{second} identity": Column("variant", self.direction, self.translate(target)),
        }

    def images(self, batch):
        """Names the images of both domains."""
        a, b = batch
        return {"A": a, "B": b}

    def passes(self, batch):
        """Lists the passes of a step: translate, judge real and fake, project both."""
        source, target = self._ends(batch)
        fake = self.translate(source)
        pixels = []
        for images in (source, fake):
            maps = self._maps(images)
            pixels.append([_pixels_at(one, self._spread_places(one)) for one in maps])
        return [
            ("generator", source),
            ("discriminator", target),
            ("discriminator", fake),
            *(("projector", one) for one in pixels),
        ]


def _pixels_at(maps, places, is_mirrored=None):
    """Returns the pixels `[batch, patches, channels]` of maps at places, or at their mirror's."""
    batch, height, width, _ = tf.unstack(tf.shape(maps))
    if is_mirrored is not None:
        row, column = places // width, places % width
        places = tf.where(is_mirrored, row * width + width - 1 - column, places)
    numbers = places + height * width * tf.range(batch)[:, tf.newaxis]
    return tf.gather(tf.reshape(maps, (-1, maps.shape[-1])), numbers)
