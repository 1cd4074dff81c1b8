"""TwinGAN: one encoder and one generator for all domains, which are told apart by their norms."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Callable, ClassVar, Optional, Union

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import losses
from tfpix2pix.errors import InputError
from tfpix2pix.models.columns import Column
from tfpix2pix.models.domain_paths import direction_name
from tfpix2pix.models.domain_translation import (
    STYLE_ENCODER,
    DomainTranslationModel,
    discriminators,
)
from tfpix2pix.models.domain_vectors import NO_VECTORS, DomainVectors

Weights = Union[float, Sequence[float]]
DISTANCES = {"l1": losses.l1, "l2": losses.l2}


class TwinGAN(DomainTranslationModel):
    """Translates between domains by one network that grows from phase to phase.

    Call `compile()`, `enter` a phase, then `fit` on a dataset of batches of an image of each
    domain, `(a, b)` of two, float `[batch, height, width, channels]` in [-1, 1], and of a vector of
    each domain of `vectors`. Each domain is translated into one other in a step: of more than two,
    into all others in turns.

    Weights are those of the source, whose images are in [0, 1]: distances between images and
    gradients of penalties are those of images in this range. All gradients come from the networks
    as they are before the step, and from one set of translations.

    Args:
        growing: Dict of the names of phases to dicts of "encoder", "generator", and
            "discriminator_A" and the like of each domain, to `keras.Model`s, of
            `tfpix2pix.networks.twingan_encoders` and the like; those of several phases share their
            layers.
        reconstruction_weights: Weight of the distance between images and what the networks with
            the norms of their own domain make of them; as all weights one, or one of each domain.
        gan_weights: Weight of the adversarial loss of translations into a domain.
        content_weights: Weight of the distance between the embeddings of images of a domain and
            those of their translations.
        cycle_weights: Weight of the L1 between images of a domain and what comes back.
        reconstruction_gan_from: Side in pixels from which discriminators judge reconstructions too;
            `None` for never.
        distances: `"l1"` or `"l2"`, the distance of reconstructions, and of embeddings.
        frozen_encoder: Whether the encoder stays as it is.
        decay: Whether `pace`, by which learning rates are to be multiplied, falls from 1 to a
            twentieth in the second half of phases that do not fade.
        adversarial: A `tfpix2pix.losses.AdversarialLoss`.
        penalty: `(weight, function)` of the discriminators' gradient penalty, as of `Pix2Pix`.
        vectors: `tfpix2pix.models.domain_vectors.DomainVectors` of networks that take such: an
            image is made and judged by what is known of it, or of the one that it is to be like. By
            codes it is made in the style of the "style_encoder", and translations in one drawn from
            N(0, 1).
        style_weight: Weight of the L1 between the drawn codes of translations and those that the
            style encoder finds in them.
        name: Name of the model.

    Example:
        >>> from tfpix2pix.networks import *
        >>> options = TwinNetworks(4, base_filters=4)
        >>> players = {"encoder": twingan_encoders(options), "generator":
        ...     twingan_generators(options)}
        >>> for name in ("discriminator_A", "discriminator_B"):
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
        reconstruction_weights: Weights = 1.0,
        gan_weights: Weights = 1.0,
        content_weights: Weights = 0.1,
        cycle_weights: Weights = 0.0,
        reconstruction_gan_from: Optional[int] = 64,
        distances: tuple[str, str] = ("l1", "l1"),
        frozen_encoder: bool = False,
        decay: bool = False,
        adversarial: losses.AdversarialLoss = losses.cross_entropy,
        penalty: Optional[tuple[float, Callable]] = None,
        vectors: DomainVectors = NO_VECTORS,
        style_weight: float = 0.3,
        name: str = "twingan",
    ):
        first = next(iter(growing.values()))
        judges = discriminators(first)
        self.weights_of_terms = {
            "reconstruction": _of_each(reconstruction_weights, judges),
            "gan": _of_each(gan_weights, judges),
            "content": _of_each(content_weights, judges),
            "cycle": _of_each(cycle_weights, judges),
        }
        minimized = [term for term, w in self.weights_of_terms.items() if any(w.values())]
        judge = next(iter(judges.values()))
        last = max(networks[judge].input_shape[1] for networks in growing.values())
        if reconstruction_gan_from is not None and last >= reconstruction_gan_from:
            minimized.append("reconstruction_gan")
        minimized += ["style"] if vectors.codes else []
        terms = [f"generator_{term}_{domain}" for term in minimized for domain in judges]
        kinds = ("gan", "penalty") if penalty else ("gan",)
        terms += [f"{player}_{kind}" for player in judges.values() for kind in kinds]
        super().__init__(growing, terms, decay=decay, vectors=vectors, name=name)
        frozen = ("encoder",) if frozen_encoder else ()
        self.trained = tuple(player for player in self.players if player not in frozen)
        self.reconstruction_gan_from = reconstruction_gan_from
        self.distances = tuple(DISTANCES[distance] for distance in distances)
        self.adversarial = adversarial
        self.penalty = penalty
        self.style_weight = style_weight

    @property
    def discriminator_losses(self):
        """The losses of all discriminators."""
        return dict.fromkeys(
            [f"{player}_gan" for player in self.discriminators.values()],
            self.adversarial.discriminator,
        )

    def train_step(self, batch):
        """Trains on one batch of each domain: all players from one state."""
        turns = [partial(self._turn, batch, turn) for turn in range(len(self.domains) - 1)]
        if len(turns) == 1:
            self.apply(turns[0]())
            return self.logs()
        turn = tf.cast(self.updates_taken("generator") % len(turns), "int32")
        self.apply(tf.switch_case(turn, turns))
        return self.logs()

    def _turn(self, batch, turn):
        gradients = partial(self._gradients, self.turn_targets(turn))
        return self.over_micro_batches(batch, gradients, self.trained)

    def _gradients(self, targets, *batch):
        real, known = self.parts(batch)
        for domain in self.vectors.domains:
            shape = (tf.shape(real[domain])[0], len(self.vectors.lengths))
            known[domain] = self.vectors.dropped(known[domain], self.noise.uniform(shape))
        learners = [p for p in self.trained if p not in self.discriminators.values()]
        sources = {target: source for source, target in targets.items()}
        judging = self._watching(self.discriminators.values())
        with self._watching(learners) as tape:
            passes = self._passes(real, targets, known)
            fakes = {domain: [passes.made[sources[domain]]] for domain in self.domains}
            if self._judges_same:
                fakes = {domain: [*fakes[domain], passes.same[domain]] for domain in self.domains}
            with judging:  # What discriminators say of fakes, all players learn from.
                logits = {
                    d: [self._judged(d, fake, known) for fake in fakes[d]] for d in self.domains
                }
            terms = self._terms(targets, real, passes, logits)
            objective = self.joint_objective(
                {player: {} for player in learners} | {"generator": terms}
            )
        gradients = self.joint_gradients(tape, objective, learners)
        with judging:
            terms = {
                player: self._judges_terms(
                    domain, real[domain], fakes[domain][0], logits[domain], known
                )
                for domain, player in self.discriminators.items()
            }
            objective = self.joint_objective(terms)
        return gradients | self.joint_gradients(judging, objective, terms)

    def _watching(self, players):
        """Returns a tape that watches the weights of players alone."""
        tape = tf.GradientTape(watch_accessed_variables=False)
        with tape:
            tape.watch([self.players[player].trainable_variables for player in players])
        return tape

    def _judged(self, domain, images, known):
        inputs = self._judge_inputs(domain, images, known)
        return self.players[self.discriminators[domain]](inputs, training=True)

    def _judge_inputs(self, domain, images, known):
        return [images, known[domain]] if domain in known else images

    @property
    def _judges_same(self):
        """Whether discriminators judge reconstructions too."""
        first = self.reconstruction_gan_from
        return first is not None and self.side >= first

    def _terms(self, targets, real, passes, logits):
        """Returns the weighted terms of encoder and generator, the four losses of the article."""
        distance, content_distance = self.distances
        codes, same, made, own, drawn = passes
        terms = {}
        for domain, target in targets.items():
            weights = {term: of_each[domain] for term, of_each in self.weights_of_terms.items()}
            judged = [weights["gan"] * self.adversarial.generator(x) for x in logits[domain]]
            terms[f"gan_{domain}"] = judged[0]
            terms[f"reconstruction_{domain}"] = weights["reconstruction"] * distance(
                _unit(real[domain]), _unit(same[domain])
            )
            if self._judges_same:
                terms[f"reconstruction_gan_{domain}"] = judged[1]
            if weights["content"] or weights["cycle"]:
                again = self.encode(made[domain], target, made=True, training=True)
            if weights["content"]:
                content = content_distance(codes[domain][0], again[0])
                terms[f"content_{domain}"] = weights["content"] * content
            if weights["cycle"]:
                back = self.generate(again, target, domain, own[domain], training=True)
                cycle = losses.l1(_unit(real[domain]), _unit(back))
                terms[f"cycle_{domain}"] = weights["cycle"] * cycle
            if drawn:
                style = self.players[STYLE_ENCODER](made[domain], training=True)
                pair = (code[:, tf.newaxis, tf.newaxis] for code in (drawn[domain], style))
                terms[f"style_{domain}"] = self.style_weight * losses.l1(*pair)
        return terms

    def _judges_terms(self, domain, real, fake, fake_logits, known):
        """Returns the terms of one discriminator: tell real images from made ones."""
        judged = {}

        def judge(unit):
            """Judges once: a penalty at real images differentiates the pass that the loss is of."""
            if unit.ref() not in judged:
                judged[unit.ref()] = self._judged(domain, 2.0 * unit - 1.0, known)
            return judged[unit.ref()]

        unit = _unit(real)
        terms = {}
        if self.penalty:
            weight, penalty = self.penalty
            noise = self.noise.uniform(tf.shape(real))
            terms["penalty"] = weight * penalty(judge, unit, _unit(fake), noise)
        real_logits = judge(unit)
        # As in the source, real images count once for every kind of fakes.
        terms["gan"] = sum(
            self.adversarial.discriminator(real_logits, logits) for logits in fake_logits
        )
        self.logits[f"{domain}_real"].update_state(real_logits)
        self.logits[f"{domain}_fake"].update_state(fake_logits[0])
        return terms

    def validate(self, batch):
        """Measures reconstructions of all domains: L1 in [0, 2]."""
        real, known = self.parts(batch)
        errors = []
        for domain, images in zip(self.domains, batch):
            vector = self.styled(real[domain], known.get(domain))
            same = self.translate(images, direction_name(domain, domain), vector)
            errors.append(losses.l1(real[domain], same))
        return {"reconstruction_l1": sum(errors) / len(errors)}

    def columns(self, batch):
        """Translates a batch: of each domain image, reconstruction, translations into others.

        With vectors translations have those of the real image beside them.
        """
        columns = {}
        real, known = self.parts(batch)
        vectors = {domain: self.styled(real[domain], known.get(domain)) for domain in real}
        for source, images in zip(self.domains, batch):
            others = [domain for domain in self.domains if domain != source]
            first = direction_name(source, others[0])
            same = self.translate(images, direction_name(source, source), vectors[source])
            columns[source] = Column("source", first, real[source])
            columns[f"{source} again"] = Column("identity", first, same)
            for target in others:
                direction = direction_name(source, target)
                made = self.translate(images, direction, vectors[target])
                columns[f"{source} to {target}"] = Column(
                    "translation", direction, made, images, real[target]
                )
        return columns

    def images(self, batch):
        """Names the images of all domains."""
        return dict(zip(self.domains, batch))

    def passes(self, batch):
        """Lists the passes of a step: each image encoded, made, encoded again and judged."""
        passed = []
        real, known = self.parts(batch)
        vectors = {domain: self.styled(real[domain], known.get(domain)) for domain in real}
        for source, target in self.turn_targets(0).items():
            codes = self.encode(real[source], source)
            made = self.generate(codes, source, target, vectors[target])
            ways = [(codes, source, end, vectors[end]) for end in (source, target)]
            judged = [(source, real[source]), (target, made)]
            passed += [
                *([(STYLE_ENCODER, real[source])] if self.vectors.codes else []),
                ("encoder", self.paths.encoder_inputs(real[source], source)),
                *(("generator", self.paths.generator_inputs(*way)) for way in ways),
                ("encoder", self.paths.encoder_inputs(made, target, True)),
                *((self.discriminators[d], self._judge_inputs(d, x, known)) for d, x in judged),
            ]
        return passed


def _of_each(weights, domains):
    """Returns the weight of each domain."""
    if isinstance(weights, (int, float)):
        return dict.fromkeys(domains, weights)
    if len(weights) != len(domains):
        raise InputError(
            f"Weights must be one number, or one for each of the domains {', '.join(domains)}. "
            f"Received: {tuple(weights)}. Give as many."
        )
    return dict(zip(domains, weights))


def _unit(images):
    """Returns images in [0, 1], those of the source."""
    return 0.5 * (tf.cast(images, "float32") + 1.0)
