"""CycleGAN: two generators that undo each other, for two domains without pairs."""

from collections.abc import Sequence
from functools import partial
from typing import Callable, ClassVar, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import losses
from tfpix2pix.errors import InputError
from tfpix2pix.models.base import TranslationModel
from tfpix2pix.models.columns import Column
from tfpix2pix.models.image_pool import ImagePool

GENERATORS = ("generator_AtoB", "generator_BtoA")
DISCRIMINATORS = ("discriminator_A", "discriminator_B")
PLAYERS = (*GENERATORS, *DISCRIMINATORS)


class CycleGAN(TranslationModel):
    """Translates between two domains, after learning from images that do not belong together.

    Call `compile()` for the paper's optimizers, then `fit` on a dataset of `(a, b)` batches, float
    `[batch, height, width, channels]` in [-1, 1], such as
    `tf.data.Dataset.zip((images_of_a, images_of_b))`.

    All gradients come from the networks as they are before the step. So it makes no difference
    that the reference updates its generators first and then its discriminators: these learn from
    translations made before.

    Args:
        players: Dict of "generator_AtoB", "generator_BtoA", "discriminator_A" and
            "discriminator_B", `keras.Model`s of images: `resnet_generator` and
            `image_discriminator`, or others.
        cycle_weights: Weights of the L1 between the images of A, and of B, and what comes back
            after both generators.
        identity_weights: Weights of the L1 between the images of A, and of B, and what the
            generator into their own domain makes of them, as multiples of the cycle weights. The
            term is left out if the domains differ in channels.
        adversarial: A `tfpix2pix.losses.AdversarialLoss`.
        penalty: `(weight, function)` of the discriminators' gradient penalty, as of `Pix2Pix`.
        extra_losses: Dict of name to a function of `(source, translated, reconstructed)` to float32
            `[batch]` that both generators minimize too, each for its own direction; logged as
            `"{generator}_{name}"`.
        pool_size: How many earlier translations of each direction its discriminator sees again;
            0 for none. See `ImagePool`.
        image_size: `(height, width)` in pixels of the training images, which the pools keep; by
            default that of the generators.
        name: Name of the model.

    Raises:
        ValueError: If players are missing or unknown, or there are pools and the size is open.

    Example:
        >>> from tfpix2pix.networks import image_discriminator, resnet_generator
        >>> shape = (32, 32, 3)
        >>> players = {name: resnet_generator(shape, base_filters=4) for name in GENERATORS}
        >>> for name in DISCRIMINATORS:
        ...     players[name] = image_discriminator(shape, base_filters=4, receptive_field=16)
        >>> model = CycleGAN(players)
        >>> model.compile()
        >>> model.translate(tf.zeros((1, 32, 32, 3)), "BtoA").shape
        TensorShape([1, 32, 32, 3])

    Reference:
        [Zhu et al., 2017](https://arxiv.org/abs/1703.10593).
    """

    validation_metrics: ClassVar = {"cycle_l1": "less"}

    def __init__(
        self,
        players: dict[str, keras.Model],
        *,
        cycle_weights: Sequence[float] = (10.0, 10.0),
        identity_weights: Sequence[float] = (0.5, 0.5),
        adversarial: losses.AdversarialLoss = losses.least_squares,
        penalty: Optional[tuple[float, Callable]] = None,
        extra_losses: Optional[dict[str, Callable]] = None,
        pool_size: int = 50,
        image_size: Optional[tuple[int, int]] = None,
        name: str = "cyclegan",
    ):
        if set(players) != set(PLAYERS):
            raise InputError(
                f"`players` must be {', '.join(PLAYERS)}. Received: {', '.join(sorted(players))}. "
                "Add or remove the others."
            )
        channels = {generator: players[generator].input_shape[-1] for generator in GENERATORS}
        has_identity = len(set(channels.values())) == 1 and any(identity_weights)
        extra_losses = dict(extra_losses or {})
        of_generators = ("gan", "cycle", *(("identity",) if has_identity else ()), *extra_losses)
        of_discriminators = ("gan", *(("penalty",) if penalty else ()))
        terms = [f"{player}_{term}" for player in GENERATORS for term in of_generators]
        terms += [f"{player}_{term}" for player in DISCRIMINATORS for term in of_discriminators]
        logits = tuple(f"{domain}_{kind}" for domain in "AB" for kind in ("real", "fake"))
        super().__init__(
            {player: players[player] for player in PLAYERS},
            terms,
            translators=GENERATORS,
            logits=logits,
            name=name,
        )
        if any(identity_weights) and not has_identity:
            self.notes = (
                "The identity terms are left out: the domains have "
                f"{' and '.join(map(str, channels.values()))} channels.",
            )
        if has_identity:
            self.validation_metrics = {**self.validation_metrics, "identity_l1": "less"}
        self.has_identity = has_identity
        self.cycle_weights = tuple(cycle_weights)
        self.identity_weights = tuple(identity_weights)
        self.adversarial = adversarial
        self.penalty = penalty
        self.extra_losses = extra_losses
        self.validation = {name: keras.metrics.Mean(name=name) for name in self.validation_metrics}
        sides = tuple(image_size or players["generator_AtoB"].input_shape[1:3])
        if pool_size and None in sides:
            raise InputError(
                "`image_size` must be given for pools of translations when the networks leave the "
                f"sides open. Received: image_size={image_size}, pool_size={pool_size}. Give the "
                "size of the training images, or pool_size=0."
            )
        sides = sides if pool_size else (0, 0)
        self.pools = {
            "A": ImagePool(pool_size, (*sides, channels["generator_AtoB"])),
            "B": ImagePool(pool_size, (*sides, channels["generator_BtoA"])),
        }
        self.state = {f"pool_{domain}": pool for domain, pool in self.pools.items()}

    @property
    def metrics(self):
        """All means since the last reset, and those of validation."""
        return [*super().metrics, *self.validation.values()]

    @property
    def discriminator_losses(self):
        """The losses of both discriminators."""
        return {f"{player}_gan": self._discriminator_loss for player in DISCRIMINATORS}

    def call(self, images, training: bool = False):
        """Translates a batch of A into B; see `translate`."""
        return self.players["generator_AtoB"](images, training=training)

    @tf.function(reduce_retracing=True, autograph=False)
    def translate(self, images, direction: str = "AtoB"):
        """Translates images, without dropout, each by its own statistics.

        Args:
            images: float `[batch, height, width, channels]` in [-1, 1], of a size that the
                generator takes; `tfpix2pix.inference.translate` takes any.
            direction: `"AtoB"` or `"BtoA"`.

        Returns:
            float32 `[batch, height, width, output_channels]` in (-1, 1).
        """
        return self.players[f"generator_{direction}"](images, training=False)

    def train_step(self, batch):
        """Trains on one batch of each domain: generators and discriminators from one state."""
        self.apply(self.over_micro_batches(batch, self._gradients, PLAYERS))
        return self.logs()

    def _gradients(self, a, b):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([self.players[player].trainable_variables for player in GENERATORS])
            terms = {}
            fakes = {}
            terms["generator_AtoB"], fakes["B"] = self._generator_terms("A", "B", a, b)
            terms["generator_BtoA"], fakes["A"] = self._generator_terms("B", "A", b, a)
            objective = self.joint_objective(terms)
        gradients = self.joint_gradients(tape, objective, GENERATORS)
        for domain, real in (("A", a), ("B", b)):
            fake = self.pools[domain].exchange(fakes[domain], self.noise)
            gradients.update(self._discriminator_gradients(domain, real, fake))
        return gradients

    def _generator_terms(self, source, target, images, others):
        """Returns the terms of the generator from `source` to `target`, and its translations.

        They are: be taken for real, come back, and leave alone what is of the target domain.
        """
        forth = self.players[f"generator_{source}to{target}"]
        back = self.players[f"generator_{target}to{source}"]
        cycle_weight, other_cycle_weight = self._by_domain(self.cycle_weights, source)
        translated = forth(images, training=True)
        returned = back(translated, training=True)
        logits = self.players[f"discriminator_{target}"](translated, training=True)
        terms = {
            "gan": self.adversarial.generator(logits),
            "cycle": cycle_weight * losses.l1(images, returned),
        }
        if self.has_identity:
            _, weight = self._by_domain(self.identity_weights, source)
            same = forth(others, training=True)
            terms["identity"] = weight * other_cycle_weight * losses.l1(others, same)
        for name, loss in self.extra_losses.items():
            terms[name] = loss(images, translated, returned)
        return terms, translated

    @staticmethod
    def _by_domain(values, domain):
        """Returns the value of a domain, and that of the other one."""
        return values if domain == "A" else values[::-1]

    def _discriminator_gradients(self, domain, real, fake):
        """Returns the gradients of one discriminator: tell real images from translations."""
        player = f"discriminator_{domain}"
        discriminator = self.players[player]
        with tf.GradientTape() as tape:
            real_logits = discriminator(real, training=True)
            fake_logits = discriminator(fake, training=True)
            terms = {"gan": self._discriminator_loss(real_logits, fake_logits)}
            if self.penalty:
                weight, penalty = self.penalty
                noise = self.noise.uniform(tf.shape(real))

                def judge(image):
                    return discriminator(image, training=True)

                terms["penalty"] = weight * penalty(judge, real, fake, noise)
            objective = self.objective(player, **terms)
        self.logits[f"{domain}_real"].update_state(real_logits)
        self.logits[f"{domain}_fake"].update_state(fake_logits)
        return {player: self.gradients(tape, objective, player)}

    def _discriminator_loss(self, real_logits, fake_logits):
        # Halved to slow the discriminators relative to the generators (section 7.1).
        return 0.5 * self.adversarial.discriminator(real_logits, fake_logits)

    def test_step(self, data):
        """Measures the L1 of cycles and identities, in [0, 2]."""
        for name, values in self.validate(data).items():
            self.validation[name].update_state(values)
        return {name: mean.result() for name, mean in self.validation.items()}

    def validate(self, batch):
        """Measures what comes back, and what is left as it is, of both domains: L1 in [0, 2]."""
        a, b = batch
        measured = {
            "cycle_l1": self._cycle_l1("AtoB", "BtoA", a) + self._cycle_l1("BtoA", "AtoB", b)
        }
        if self.has_identity:
            measured["identity_l1"] = losses.l1(a, self.translate(a, "BtoA")) + losses.l1(
                b, self.translate(b, "AtoB")
            )
        return {name: values / 2 for name, values in measured.items()}

    def _cycle_l1(self, forth, back, images):
        return losses.l1(images, self.translate(self.translate(images, forth), back))

    def columns(self, batch):
        """Translates a batch both ways: image, translation, reconstruction, identity."""
        columns = {}
        a, b = batch
        for source, target, images, real in (("A", "B", a, b), ("B", "A", b, a)):
            forth = f"{source}to{target}"
            back = f"{target}to{source}"
            translated = self.translate(images, forth)
            columns[source] = Column("source", forth, images)
            columns[f"{target}'"] = Column("translation", forth, translated, images, real)
            restore = partial(self.translate, direction=back)
            columns[f"{source}''"] = Column(
                "reconstruction", forth, restore(translated), restore=restore
            )
            if self.has_identity:
                identity = self.translate(images, back)
                columns[f"{source} identity"] = Column("identity", forth, identity)
        return columns

    def images(self, batch):
        """Names the images of both domains."""
        a, b = batch
        return {"A": a, "B": b}

    def passes(self, batch):
        """Lists the passes of a step: both cycles, then the discriminators on real and fake."""
        a, b = batch
        fake_b = self.translate(a, "AtoB")
        fake_a = self.translate(b, "BtoA")
        return [
            ("generator_AtoB", a),
            ("generator_BtoA", fake_b),
            ("generator_BtoA", b),
            ("generator_AtoB", fake_a),
            ("discriminator_A", a),
            ("discriminator_A", fake_a),
            ("discriminator_B", b),
            ("discriminator_B", fake_b),
        ]
