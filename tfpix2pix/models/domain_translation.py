"""Translation between domains by their norms, with networks that grow: all but what is learned."""

from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.layers import Fade
from tfpix2pix.layers.domain_norms import recalibrated
from tfpix2pix.layers.growing import faded
from tfpix2pix.layers.network_calls import leaves
from tfpix2pix.models.base import TranslationModel
from tfpix2pix.models.domain_paths import (
    DOMAINS,
    encoder_inputs,
    generator_inputs,
    moving_statistics,
)


class DomainTranslationModel(TranslationModel):
    """A model of an encoder and a generator with domain norms, whose players grow by phases.

    Args:
        growing: Dict of the names of phases to dicts of players to `keras.Model`s, "encoder",
            "generator" and "discriminator_A" among them; those of several phases share layers.
        players: Names of all players, in their order.
        terms: As of `tfpix2pix.models.TranslationModel`.
        logits: As of that.
        decay: Whether `pace` falls from 1 to a twentieth in the second half of phases that do not
            fade.
        name: Name of the model.

    Attributes:
        alpha: float32 variable, how far the resolution of the phase has faded in.
        pace: float32 variable, by which learning rates are to be multiplied.
    """

    def __init__(
        self,
        growing: Mapping[str, Mapping[str, keras.Model]],
        players: Sequence[str],
        terms: list,
        *,
        logits: tuple,
        decay: bool,
        name: str,
    ):
        first = next(iter(growing.values()))
        super().__init__(
            {player: first[player] for player in players},
            terms,
            translators=("generator", "encoder"),
            logits=logits,
            name=name,
        )
        self.growing = growing
        self.decay = decay
        self.alpha = tf.Variable(1.0, trainable=False)
        self.pace = tf.Variable(1.0, trainable=False)
        self._prepare()

    def _prepare(self):
        """Goes by the players of a phase: their fades and statistics, and graphs of their own."""
        networks = [*self.players.values(), *self.averaged.values()]
        layers = [layer for network in networks for layer in leaves(network)]
        self._fades = [layer.alpha for layer in layers if isinstance(layer, Fade)]
        self._translated = tf.function(self._translate, autograph=False)
        statistics = {p: moving_statistics(self.players[p]) for p in self.translators}
        # Statistics that `recalibrate` measures are saved apart from the weights too.
        self.state = {"alpha": self.alpha, "statistics": statistics}

    @property
    def side(self) -> int:
        """Side in pixels of the images of the phase."""
        return self.players["discriminator_A"].input_shape[1]

    @property
    def caption(self) -> str:
        """The phase and its blend, for the sample picture."""
        return f"phase {self._entered or self.side}, alpha {float(self.alpha):.2f}"

    def enter(self, phase, share: float) -> None:
        """Takes the networks of a phase, whose averages start anew, and blends its layers in."""
        is_other = phase.name != self._entered
        super().enter(phase, share)
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
            domain: `"A"` or `"B"`, whose norms are used.
            made: Whether the generator has made the images.
            training: Whether batch norms go by the batch, and keep its statistics.

        Returns:
            List of float `[batch, height, width, filters]`.
        """
        inputs = encoder_inputs(images, domain, made)
        return tf.nest.flatten(self.players["encoder"](inputs, training=training))

    def generate(self, codes: list, source: str, target: str, *, training: bool = False):
        """Returns the images that codes stand for, with the norms of a domain.

        Args:
            codes: What `encode` returns.
            source: `"A"` or `"B"`, the domain of what was encoded.
            target: The domain of the images.
            training: As of `encode`.

        Returns:
            float `[batch, height, width, channels]`, around [-1, 1].
        """
        inputs = generator_inputs(codes, source, target)
        return self.players["generator"](inputs, training=training)

    def call(self, images, training: bool = False):
        """Translates a batch of A into B; see `translate`."""
        return self._translate(images, "A", "B")

    def translate(self, images, direction: str = "AtoB"):
        """Translates images by the moving statistics.

        Args:
            images: float `[batch, height, width, channels]` in [-1, 1], of sides that are multiples
                of a quarter of `side`.
            direction: `"AtoB"` or `"BtoA"`; `"AtoA"` and `"BtoB"` reconstruct.

        Returns:
            float32 `[batch, height, width, channels]` in [-1, 1].
        """
        source, _, target = direction.partition("to")
        return self._translated(images, source, target)

    def _translate(self, images, source, target):
        made = self.generate(self.encode(self.faded(images), source), source, target)
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

    def _passes(self, real):
        """Returns the codes, reconstructions and translations, in training, each by its domain."""
        codes = {domain: self.encode(real[domain], domain, training=True) for domain in DOMAINS}
        same = {d: self.generate(codes[d], d, d, training=True) for d in DOMAINS}
        made = {
            target: self.generate(codes[source], source, target, training=True)
            for source, target in (DOMAINS, DOMAINS[::-1])
        }
        return codes, same, made

    def recalibrate(self, batches: Iterable) -> None:
        """Measures the moving statistics of encoder and generator anew, for their weights as is.

        Each path gets the mean over the batches, behind layers that go by the batch.

        Args:
            batches: Iterable of training batches `(a, b)`, as of `train_step`.
        """
        if not any(self.state["statistics"].values()):
            return

        @tf.function(autograph=False)
        def measure(a, b):
            _, _, made = self._passes({"A": self.faded(a), "B": self.faded(b)})
            for domain in DOMAINS:
                self.encode(made[domain], domain, made=True, training=True)

        with recalibrated([self.players[player] for player in self.translators]):
            for batch in batches:
                measure(*batch)
