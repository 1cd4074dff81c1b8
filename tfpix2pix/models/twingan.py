"""TwinGAN: one encoder and one generator for two domains, which are told apart by their norms."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Callable, ClassVar, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import losses
from tfpix2pix.models.columns import Column
from tfpix2pix.models.domain_paths import DOMAINS, encoder_inputs, generator_inputs
from tfpix2pix.models.domain_translation import DomainTranslationModel

DISCRIMINATORS = ("discriminator_A", "discriminator_B")
PLAYERS = ("encoder", "generator", *DISCRIMINATORS)
DISTANCES = {"l1": losses.l1, "l2": losses.l2}


class TwinGAN(DomainTranslationModel):
    """Translates between two domains by one network that grows from phase to phase.

    Call `compile()`, `enter` a phase, then `fit` on a dataset of `(a, b)` batches, float
    `[batch, height, width, channels]` in [-1, 1], of images that do not belong together.

    Weights are those of the source, whose images are in [0, 1]: distances between images and
    gradients of penalties are those of images in this range. All gradients come from the networks
    as they are before the step, and from one set of translations.

    Args:
        growing: Dict of the names of phases to dicts of "encoder", "generator", "discriminator_A"
            and "discriminator_B" to `keras.Model`s, of `tfpix2pix.networks.twingan_encoders` and
            the like; those of several phases share their layers.
        reconstruction_weights: Weights of the distance between images of A, and of B, and what the
            networks with the norms of their own domain make of them.
        gan_weights: Weights of the adversarial loss of translations into A, and into B.
        content_weights: Weights of the distance between the embeddings of images of A, and of B,
            and those of their translations.
        cycle_weights: Weights of the L1 between images of A, and of B, and what comes back.
        reconstruction_gan_from: Side in pixels from which discriminators judge reconstructions too;
            `None` for never.
        distances: `"l1"` or `"l2"`, the distance of reconstructions, and of embeddings.
        frozen_encoder: Whether the encoder stays as it is.
        decay: Whether `pace`, by which learning rates are to be multiplied, falls from 1 to a
            twentieth in the second half of phases that do not fade.
        adversarial: A `tfpix2pix.losses.AdversarialLoss`.
        penalty: `(weight, function)` of the discriminators' gradient penalty, as of `Pix2Pix`.
        name: Name of the model.

    Example:
        >>> from tfpix2pix.networks import *
        >>> options = TwinNetworks(4, base_filters=4)
        >>> players = {"encoder": twingan_encoders(options), "generator":
        ...     twingan_generators(options)}
        >>> for name in DISCRIMINATORS:
        ...     players[name] = twingan_discriminators(options, name=name)
        >>> model = TwinGAN({"4": {player: phases["4"] for player, phases in players.items()}})
        >>> model.compile()
        >>> model.translate(tf.zeros((1, 4, 4, 3)), "BtoA").shape
        TensorShape([1, 4, 4, 3])

    Reference:
        [Li, 2018](https://arxiv.org/abs/1809.00946).
    """

    validation_metrics: ClassVar = {"reconstruction_l1": "less"}

    def __init__(
        self,
        growing: Mapping[str, Mapping[str, keras.Model]],
        *,
        reconstruction_weights: Sequence[float] = (1.0, 1.0),
        gan_weights: Sequence[float] = (1.0, 1.0),
        content_weights: Sequence[float] = (0.1, 0.1),
        cycle_weights: Sequence[float] = (0.0, 0.0),
        reconstruction_gan_from: Optional[int] = 64,
        distances: tuple[str, str] = ("l1", "l1"),
        frozen_encoder: bool = False,
        decay: bool = False,
        adversarial: losses.AdversarialLoss = losses.cross_entropy,
        penalty: Optional[tuple[float, Callable]] = None,
        name: str = "twingan",
    ):
        self.weights_of_terms = {
            "reconstruction": tuple(reconstruction_weights),
            "gan": tuple(gan_weights),
            "content": tuple(content_weights),
            "cycle": tuple(cycle_weights),
        }
        minimized = [term for term, weights in self.weights_of_terms.items() if any(weights)]
        last = max(networks["discriminator_A"].input_shape[1] for networks in growing.values())
        if reconstruction_gan_from is not None and last >= reconstruction_gan_from:
            minimized.append("reconstruction_gan")
        terms = [f"generator_{term}_{domain}" for term in minimized for domain in DOMAINS]
        kinds = ("gan", "penalty") if penalty else ("gan",)
        terms += [f"{player}_{kind}" for player in DISCRIMINATORS for kind in kinds]
        logits = tuple(f"{domain}_{kind}" for domain in DOMAINS for kind in ("real", "fake"))
        super().__init__(growing, PLAYERS, terms, logits=logits, decay=decay, name=name)
        self.trained = PLAYERS[1:] if frozen_encoder else PLAYERS
        self.reconstruction_gan_from = reconstruction_gan_from
        self.distances = tuple(DISTANCES[distance] for distance in distances)
        self.adversarial = adversarial
        self.penalty = penalty

    @property
    def discriminator_losses(self):
        """The losses of both discriminators."""
        return dict.fromkeys(
            [f"{player}_gan" for player in DISCRIMINATORS], self.adversarial.discriminator
        )

    def train_step(self, batch):
        """Trains on one batch of each domain: all players from one state."""
        self.apply(self.over_micro_batches(batch, self._gradients, self.trained))
        return self.logs()

    def _gradients(self, a, b):
        real = {"A": self.faded(a), "B": self.faded(b)}
        translators = [player for player in self.translators if player in self.trained]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([self.players[player].trainable_variables for player in translators])
            codes, same, made = self._passes(real)
            terms = self._terms(real, codes, same, made)
            objective = self.joint_objective({"encoder": {}, "generator": terms})
        gradients = self.joint_gradients(tape, objective, translators)
        for domain in DOMAINS:
            fakes = [made[domain], same[domain]] if self._judges_same else [made[domain]]
            gradients.update(self._discriminator_gradients(domain, real[domain], fakes))
        return gradients

    @property
    def _judges_same(self):
        """Whether discriminators judge reconstructions too."""
        first = self.reconstruction_gan_from
        return first is not None and self.side >= first

    def _terms(self, real, codes, same, made):
        """Returns the weighted terms of encoder and generator, the four losses of the article."""
        distance, content_distance = self.distances
        terms = {}
        for number, (domain, other) in enumerate((DOMAINS, DOMAINS[::-1])):
            weights = {term: pair[number] for term, pair in self.weights_of_terms.items()}

            def judged(fakes, domain=domain, weight=weights["gan"]):
                logits = self.players[f"discriminator_{domain}"](fakes, training=True)
                return weight * self.adversarial.generator(logits)

            terms[f"gan_{domain}"] = judged(made[domain])
            terms[f"reconstruction_{domain}"] = weights["reconstruction"] * distance(
                _unit(real[domain]), _unit(same[domain])
            )
            if self._judges_same:
                terms[f"reconstruction_gan_{domain}"] = judged(same[domain])
            if weights["content"] or weights["cycle"]:
                again = self.encode(made[other], other, made=True, training=True)
            if weights["content"]:
                content = content_distance(codes[domain][0], again[0])
                terms[f"content_{domain}"] = weights["content"] * content
            if weights["cycle"]:
                back = self.generate(again, other, domain, training=True)
                cycle = losses.l1(_unit(real[domain]), _unit(back))
                terms[f"cycle_{domain}"] = weights["cycle"] * cycle
        return terms

    def _discriminator_gradients(self, domain, real, fakes):
        """Returns the gradients of one discriminator: tell real images from made ones."""
        player = f"discriminator_{domain}"
        judge = partial(self.players[player], training=True)
        with tf.GradientTape() as tape:
            real_logits = judge(real)
            fake_logits = [judge(fake) for fake in fakes]
            # As in the source, real images count once for every kind of fakes.
            gan = sum(self.adversarial.discriminator(real_logits, logits) for logits in fake_logits)
            terms = {"gan": gan}
            if self.penalty:
                weight, penalty = self.penalty
                noise = self.noise.uniform(tf.shape(real))
                of_unit = penalty(
                    lambda unit: judge(2.0 * unit - 1.0), _unit(real), _unit(fakes[0]), noise
                )
                terms["penalty"] = weight * of_unit
            objective = self.objective(player, **terms)
        self.logits[f"{domain}_real"].update_state(real_logits)
        self.logits[f"{domain}_fake"].update_state(fake_logits[0])
        return {player: self.gradients(tape, objective, player)}

    def validate(self, batch):
        """Measures reconstructions of both domains: L1 in [0, 2]."""
        errors = [
            losses.l1(self.faded(images), self.translate(images, f"{domain}to{domain}"))
            for domain, images in zip(DOMAINS, batch)
        ]
        return {"reconstruction_l1": sum(errors) / len(errors)}

    def columns(self, batch):
        """Translates a batch both ways: image, reconstruction, translation."""
        columns = {}
        for source, target, images in zip(DOMAINS, DOMAINS[::-1], batch):
            direction = f"{source}to{target}"
            same = self.translate(images, f"{source}to{source}")
            translated = self.translate(images, direction)
            columns[source] = Column("source", direction, self.faded(images))
            columns[f"{source} again"] = Column("identity", direction, same)
            columns[f"{target}'"] = Column("translation", direction, translated, images)
        return columns

    def images(self, batch):
        """Names the images of both domains."""
        return dict(zip(DOMAINS, batch))

    def passes(self, batch):
        """Lists the passes of a step: each image encoded, made, encoded again and judged."""
        found = []
        for source, target, images in zip(DOMAINS, DOMAINS[::-1], batch):
            real = self.faded(images)
            codes = self.encode(real, source)
            made = self.generate(codes, source, target)
            found += [
                ("encoder", encoder_inputs(real, source, False)),
                ("generator", generator_inputs(codes, source, source)),
                ("generator", generator_inputs(codes, source, target)),
                ("encoder", encoder_inputs(made, target, True)),
                (f"discriminator_{source}", real),
                (f"discriminator_{target}", made),
            ]
        return found


def _unit(images):
    """Returns images in [0, 1], those of the source."""
    return 0.5 * (tf.cast(images, "float32") + 1.0)
