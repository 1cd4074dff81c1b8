"""Translation between domains by their norms, with networks that grow: all but what is learned."""

from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers import DomainNormalization, Fade
from tfpix2pix.layers.domain_norms import recalibrated
from tfpix2pix.layers.growing import faded
from tfpix2pix.layers.network_calls import leaves
from tfpix2pix.models.base import TranslationModel
from tfpix2pix.models.domain_paths import (
    DomainPaths,
    Passes,
    direction_name,
    moving_statistics,
    origins,
    started_rows,
)
from tfpix2pix.models.domain_vectors import NO_VECTORS, DomainVectors

JUDGE = "discriminator_"  # Begins the name of the player that judges images of a domain.
STYLE_ENCODER = "style_encoder"


class DomainTranslationModel(TranslationModel):
    """A model of an encoder and a generator with domain norms, whose players grow by phases.

    Args:
        growing: Dict of the names of phases to dicts of players to `keras.Model`s, "encoder",
            "generator" and "discriminator_DOMAIN" of each domain among them, such as
            "discriminator_A"; those of several phases share layers.
        terms: As of `tfpix2pix.models.TranslationModel`.
        decay: Whether `pace` falls from 1 to a twentieth in the second half of phases that do not
            fade.
        vectors: `DomainVectors`, of a generator that takes such, and discriminators of its domains
            that take attributes. With codes there is one more player, the "style_encoder".
        name: Name of the model.

    Attributes:
        domains: Names of the domains.
        discriminators: Dict of domain to the name of its discriminator.
        alpha: float32 variable, how far the resolution of the phase has faded in.
        pace: float32 variable, by which learning rates are to be multiplied.
    """

    def __init__(
        self,
        growing: Mapping[str, Mapping[str, keras.Model]],
        terms: list,
        *,
        decay: bool,
        vectors: DomainVectors = NO_VECTORS,
        name: str,
    ):
        first = dict(next(iter(growing.values())))
        self.discriminators = discriminators(first)
        self.domains = tuple(self.discriminators)
        logits = [f"{domain}_{kind}" for domain in self.domains for kind in ("real", "fake")]
        super().__init__(
            first, terms, translators=("generator", "encoder"), logits=tuple(logits), name=name
        )
        self.growing = growing
        self.paths = DomainPaths(self.domains)
        self.decay = decay
        self.vectors = vectors
        self.alpha = tf.Variable(1.0, trainable=False)
        self.pace = tf.Variable(1.0, trainable=False)
        self._prepare()

    def _prepare(self):
        """Goes by the players of a phase: their fades and statistics, and graphs of their own."""
        networks = [*self.players.values(), *self.averaged.values()]
        layers = [layer for network in networks for layer in leaves(network)]
        self._fades = [layer.alpha for layer in layers if isinstance(layer, Fade)]
        self._translated = {
            name: tf.function(partial(self._translate, ends=ends), autograph=False)
            for name, ends in self.paths.directions.items()
        }
        statistics = {p: moving_statistics(self.players[p]) for p in self.translators}
        # Statistics that `recalibrate` measures are saved apart from the weights too.
        self.state = {"alpha": self.alpha, "statistics": statistics}

    @property
    def side(self) -> int:
        """Side in pixels of the images of the phase."""
        return self.players[self.discriminators[self.domains[0]]].input_shape[1]

    @property
    def caption(self) -> str:
        """The phase and its blend, for the sample picture."""
        alpha = float(tf.convert_to_tensor(self.alpha))  # Of several devices one variable.
        return f"phase {self._entered or self.side}, alpha {alpha:.2f}"

    def enter(self, phase, share: float) -> None:
        """Takes the networks of a phase, whose averages start anew, and blends its layers in."""
        is_other = phase.name != self._entered
        super().enter(phase, share)
        # A step of several domains reads it: not there, where several devices could not make it.
        self.updates_taken("generator")
        if is_other:
            for player, network in self.growing[phase.name].items():
                self.replace(player, network)
                if player in self.averaged:
                    self.averaged[player].set_weights(network.get_weights())
            self._prepare()
        for alpha in (self.alpha, *self._fades):
            alpha.assign(share if self._fades else 1.0)
        self.pace.assign(min(1.0, 2.05 - 2.0 * share) if self.decay and not self._fades else 1.0)

    def encode(self, images, domain: str, *, made: bool = False, training: bool = False) -> list:
        """Returns the embedding of images, and the maps of the skips.

        Args:
            images: float `[batch, height, width, channels]` in [-1, 1].
            domain: One of `domains`, whose norms are used.
            made: Whether the generator has made the images.
            training: Whether batch norms go by the batch, and keep its statistics.

        Returns:
            List of float `[batch, height, width, filters]`.
        """
        inputs = self.paths.encoder_inputs(images, domain, made)
        return tf.nest.flatten(self.players["encoder"](inputs, training=training))

    def parts(self, batch) -> tuple[dict, dict]:
        """Returns what a batch has of each domain.

        Args:
            batch: Tuple of an image of each domain, and of attributes of each of `vectors.domains`.

        Returns:
            Dict of domains to images, as the networks see them, and dict of domains to attributes,
            of those that have such.
        """
        count = len(self.domains)
        real = {d: self.faded(images) for d, images in zip(self.domains, batch[:count])}
        return real, dict(zip(self.vectors.domains, batch[count:]))

    def styled(self, images, known=None, *, training: bool = False):
        """Returns the vector of images: what is known of them, and the code of their style.

        Args:
            images: float `[batch, height, width, channels]` in [-1, 1], as the networks see them.
            known: float `[batch, length]` of their attributes.
            training: As of `encode`.

        Returns:
            As of `DomainVectors.joined`.
        """
        style = None
        if self.vectors.codes:
            style = self.players[STYLE_ENCODER](images, training=training)
        return self.vectors.joined(tf.shape(images)[0], known, style)

    def generate(
        self, codes: list, source: str, target: str, vector=None, *, training: bool = False
    ):
        """Returns the images that codes stand for, with the norms of a domain.

        Args:
            codes: What `encode` returns.
            source: One of `domains`, that of what was encoded.
            target: The domain of the images.
            vector: float `[batch, vectors.whole]` of networks that take such, by default 0.
            training: As of `encode`.

        Returns:
            float `[batch, height, width, channels]`, around [-1, 1].
        """
        if vector is None:
            vector = self.vectors.joined(tf.shape(codes[0])[0])
        inputs = self.paths.generator_inputs(codes, source, target, vector)
        return self.players["generator"](inputs, training=training)

    def call(self, images, training: bool = False):
        """Translates a batch of the first domain into the second; see `translate`."""
        return self._translate(images, ends=self.domains[:2])

    def translate(self, images, direction: Optional[str] = None, vector=None):
        """Translates images by the moving statistics.

        Args:
            images: float `[batch, height, width, channels]` in [-1, 1], of sides that are multiples
                of a quarter of `side`.
            direction: One of `paths.directions`, such as `"AtoB"`, or `"AtoA"`, which
                reconstructs; by default from the first domain to the second.
            vector: As of `generate`.

        Returns:
            float32 `[batch, height, width, channels]` in [-1, 1].
        """
        return self._translated[direction or direction_name(*self.domains[:2])](images, vector)

    def _translate(self, images, vector=None, *, ends):
        made = self.generate(self.encode(self.faded(images), ends[0]), *ends, vector)
        return tf.clip_by_value(tf.cast(made, "float32"), -1.0, 1.0)

    def faded(self, images):
        """Returns images as the networks see them: coarse ones while their resolution fades in.

        Args:
            images: float `[batch, height, width, channels]` of even sides.

        Returns:
            The same shape and dtype.
        """
        if not self._fades:
            return images
        return faded(images, self.alpha)

    def turn_targets(self, turn: int) -> dict[str, str]:
        """Returns what each domain is translated into in a turn: all others in all turns.

        Args:
            turn: From 0 to the number of domains - 2.

        Returns:
            Dict of source to target, each domain once.
        """
        count = len(self.domains)
        return {d: self.domains[(i + turn + 1) % count] for i, d in enumerate(self.domains)}

    def _passes(self, real, targets, known=MappingProxyType({})):
        """Makes reconstructions and translations, in training; returns `Passes`.

        A translation is to have the attributes of the image of its place in the other domain, and a
        style by chance.
        """
        codes, own, drawn = {}, {}, {}
        for domain in targets:
            codes[domain] = self.encode(real[domain], domain, training=True)
            own[domain] = self.styled(real[domain], known.get(domain), training=True)
        same = {d: self.generate(codes[d], d, d, own[d], training=True) for d in targets}
        made = {}
        for domain, target in targets.items():
            count = tf.shape(real[domain])[0]
            if self.vectors.codes:
                drawn[domain] = self.noise.normal((count, self.vectors.codes))
            vector = self.vectors.joined(count, known.get(target), drawn.get(domain))
            made[domain] = self.generate(codes[domain], domain, target, vector, training=True)
        return Passes(codes, same, made, own, drawn)

    def recalibrate(self, batches: Iterable) -> None:
        """Measures the moving statistics of encoder and generator anew, for their weights as is.

        Each path gets the mean over the batches, behind layers that go by the batch.

        Args:
            batches: Iterable of training batches, as of `train_step`.
        """
        if not any(self.state["statistics"].values()):
            return

        @tf.function(autograph=False)
        def measure(*batch):
            real, known = self.parts(batch)
            for turn in range(len(self.domains) - 1):
                targets = self.turn_targets(turn)
                made = self._passes(real, targets, known).made
                for domain, images in made.items():
                    self.encode(images, targets[domain], made=True, training=True)

        with recalibrated([self.players[player] for player in self.translators]):
            for batch in batches:
                measure(*batch)

    def counterparts(self, other: TranslationModel) -> dict[str, str]:
        """Adds the discriminators of other names to those that `TranslationModel` names.

        A domain starts as that of its name in the other model, else as that of its number.

        Args:
            other: As of `TranslationModel`.

        Returns:
            The same.

        Raises:
            ValueError: If the other's images are of another side.
        """
        named = super().counterparts(other)
        if not isinstance(other, DomainTranslationModel):
            return named
        if other.side != self.side:
            raise InputError(
                "A growth that starts with the weights of another must begin at the side of its "
                f"images. Received: {self.side} pixels, for a model of {other.side}. Set "
                f"`first_size` to {other.side}."
            )
        started = zip(self.discriminators.values(), origins(self.domains, other.domains))
        return {**named, **{own: f"{JUDGE}{origin}" for own, origin in started if origin}}

    def starting_weights(self, layer, other_layer, other: TranslationModel) -> Optional[list]:
        """Returns the weights of another model's layer; of norms those of each domain.

        A domain that the other lacks starts with the mean of its domains; statistics start anew,
        and so do weights of vectors that the other has not.

        Args:
            layer: As of `TranslationModel`.
            other_layer: As of that.
            other: As of that.

        Returns:
            As of that.
        """
        weights = super().starting_weights(layer, other_layer, other)
        same = getattr(other, "domains", None) == self.domains
        if (same and weights is not None) or not isinstance(layer, DomainNormalization):
            return weights
        own = dict(zip((weight.name for weight in layer.weights), layer.get_weights()))
        for weight, rows in ((layer.gamma, other_layer.gamma), (layer.beta, other_layer.beta)):
            own[weight.name] = started_rows(rows.numpy(), self.domains, other.domains)
        return list(own.values())


def discriminators(players: Iterable[str]) -> dict[str, str]:
    """Returns the discriminators among players by their domains.

    Args:
        players: Names of players.

    Returns:
        Dict of domain to player, in their order.

    Example:
        >>> discriminators(["encoder", "generator", "discriminator_A", "discriminator_B"])
        {'A': 'discriminator_A', 'B': 'discriminator_B'}
    """
    return {name.removeprefix(JUDGE): name for name in players if name.startswith(JUDGE)}
