"""The base of all image-to-image models: players, objectives, the one division by replicas."""

from collections.abc import Mapping
from typing import Any, Callable, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import optimizers
from tfpix2pix.errors import InputError
from tfpix2pix.models.averaging import approach, copied, regrown
from tfpix2pix.models.columns import Column
from tfpix2pix.models.loss_scaling import loss_scale, scaling


class TranslationModel(keras.Model):
    """A Keras model whose players, named networks, each descend an objective of their own.

    A subclass writes `train_step` with `objective`, `gradients` and `apply`; `fit` and a loop of
    one's own then train alike. `columns`, `validate`, `passes`, `images` and `enter` are hooks.

    Args:
        players: Dict of player name to `keras.Model`.
        terms: Names `"{player}_{term}"` of all objective terms, which are the logs of a step.
        translators: Names of the players that translate, whose weights can be averaged.
        logits: Names of the discriminator outputs whose running means `logits` has.
        name: Name of the model.

    Attributes:
        trackers: Dict of term to its running mean.
        logits: Dict of name, such as "real" and "fake", to the running mean of a discriminator's
            logits on such images, from the discriminator's update.
        gradient_norms: Dict of player to the running mean of its gradient norm over all its
            variables, of each device's share and before it is clipped. It is measured only while
            `measures_gradients` is true, for it takes one more pass over all gradients.
        measures_gradients: bool variable.
        averaged: Dict of translator to the network with its averaged weights; empty without
            `ema_decay`.
        notes: What a user should know before a training, such as terms that are left out.
        state: Dict of name to more that a checkpoint holds: variables, or objects with variables.
        validation_metrics: Dict of the names that `validate` returns to `"less"` or `"more"`, what
            is better; the first one decides which checkpoint is best.
    """

    notes: tuple[str, ...] = ()
    state: Mapping[str, Any] = {}
    validation_metrics: Mapping[str, str] = {}

    def __init__(
        self,
        players: dict,
        terms: list,
        *,
        translators: tuple = ("generator",),
        logits: tuple = ("real", "fake"),
        name: str,
    ):
        super().__init__(name=name)
        self.players = players
        self.translators = translators
        self.trackers = {term: keras.metrics.Mean(name=term) for term in terms}
        self.gradient_norms = {player: keras.metrics.Mean(name=player) for player in players}
        self.logits = {name: keras.metrics.Mean(name=name) for name in logits}
        self.measures_gradients = tf.Variable(False, trainable=False)
        self.noise = tf.random.Generator.from_seed(0)  # Tracked: checkpoints carry its state.
        self.optimizers = None
        self.micro_batches = 1
        self.ema_decay = 0.0
        self.averaged = {}

    @property
    def metrics(self):
        """All means since the last reset."""
        groups = self.trackers, self.logits, self.gradient_norms
        return [metric for group in groups for metric in group.values()]

    @property
    def steps_taken(self) -> int:
        """How many steps the first translator has taken; a restored model knows it."""
        return int(self.optimizers[self.translators[0]].iterations)

    @property
    def discriminator_losses(self) -> dict:
        """Dict of logged term to its function of logits on real and fake, to find it saturated."""
        return {}

    def compile(
        self,
        optimizers_of_players: Optional[dict] = None,
        *,
        micro_batches: int = 1,
        ema_decay: float = 0.0,
        **kwargs,
    ):
        """Sets the optimizers, micro-batches and averages.

        Players that compute in float16 get optimizers that scale the loss, so that small gradients
        do not become 0: a step whose gradients overflow is left out and halves the scale.

        Args:
            optimizers_of_players: Dict of player name to optimizer; a player that is not named gets
                the paper's Adam (`tfpix2pix.optimizers.adam`).
            micro_batches: Gradient accumulation: each replica processes its batch in that many
                equal parts, one after the other, and updates once, which saves memory.
            ema_decay: Decay of the exponential moving averages of the translators' weights, such as
                0.999; 0 for none. In early step t it is at most (1 + t) / (10 + t), so that the
                initial weights are soon forgotten.
            **kwargs: Those of `keras.Model.compile`, such as `jit_compile`.

        Raises:
            ValueError: If a player is unknown, a number out of range, `micro_batches` asked of
                synchronized batch norm, or `jit_compile` of several replicas.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if micro_batches < 1 or not 0 <= ema_decay < 1:
            raise InputError(
                "`micro_batches` must be at least 1, and `ema_decay` at least 0 and below 1. "
                f"Received: micro_batches={micro_batches}, ema_decay={ema_decay}. A decay of 0.999 "
                "averages over some 1000 steps."
            )
        if kwargs.get("jit_compile") and replicas > 1:
            raise InputError(
                "`jit_compile` is for one device: XLA cannot compile what several exchange. "
                f"Received: {replicas} devices. Leave it out or use one device."
            )
        layers = [layer for network in self.players.values() for layer in network.layers]
        if micro_batches > 1 and any(getattr(layer, "synchronized", False) for layer in layers):
            raise InputError(
                '`micro_batches` must be 1 for norm="batch_sync", whose statistics are those of '
                f"the whole batch. Received: micro_batches={micro_batches}. Use norm="
                '"instance" or "batch".'
            )
        optimizers_of_players = dict(optimizers_of_players or {})
        if unknown := sorted(set(optimizers_of_players) - set(self.players)):
            raise InputError(
                f"Optimizers are given per player, {sorted(self.players)}. Received: {unknown}. "
                "Remove or rename them."
            )
        self.optimizers = {
            player: optimizers_of_players.get(player) or optimizers.adam()
            for player in self.players
        }
        if any(layer.compute_dtype == "float16" for layer in layers):
            self.optimizers = {p: scaling(optimizer) for p, optimizer in self.optimizers.items()}
        self.micro_batches = micro_batches
        self.ema_decay = ema_decay
        self.averaged = {p: copied(self.players[p]) for p in self.translators} if ema_decay else {}
        super().compile(optimizer=self.optimizers[self.translators[0]], **kwargs)

    def columns(self, batch) -> dict[str, Column]:
        """Translates a batch for the sample picture.

        Args:
            batch: As of `train_step`, of held-out examples.

        Returns:
            Dict of title to `Column`, in the order of the picture.
        """
        raise NotImplementedError

    def validate(self, batch) -> dict[str, tf.Tensor]:
        """Measures a batch of held-out examples.

        Args:
            batch: As of `train_step`.

        Returns:
            Dict of the names of `validation_metrics` to float32 `[batch]`.
        """
        raise NotImplementedError

    def passes(self, batch) -> list:
        """Lists the passes of a step through the players, where what is not finite is looked for.

        Args:
            batch: As of `train_step`.

        Returns:
            List of `(player, inputs)`, in the order of the step.
        """
        raise NotImplementedError

    def images(self, batch) -> dict:
        """Names the images of a batch for messages; by default by their place in it.

        Args:
            batch: As of `train_step`.

        Returns:
            Dict of name to float32 `[batch, height, width, channels]`.
        """
        return {f"batch[{index}]": image for index, image in enumerate(tf.nest.flatten(batch))}

    def enter(self, phase, share: float) -> None:
        """Prepares for a step of a phase: grows, freezes, sets new optimizers or a blend.

        It is called before every step, and before a checkpoint is restored, with its last step. So
        what a phase changes in the players or the optimizers must depend on the phase alone, and
        not on the one before: a run is opened in any, and a roll-back leads into an earlier one.

        Args:
            phase: `tfpix2pix.families.Phase` of the step.
            share: Share of the phase's steps that have been taken, in [0, 1).
        """

    def replace(self, player: str, network: keras.Model) -> None:
        """Puts another network in a player's place, for `enter`; its average goes on."""
        if network is not self.players[player]:
            self.players[player] = network
            if player in self.averaged:
                self.averaged[player] = regrown(self.averaged[player], network)

    def objective(self, player: str, **terms) -> tf.Tensor:
        """Sums the per-example `terms` of one player into the scalar its optimizer descends.

        Gradients are *summed* over replicas and micro-batches, so the mean over this part is
        divided by the number of both: with equal shares the sum is the mean over the global batch.

        Args:
            player: Name of the player.
            **terms: float32 `[batch]` each, tracked unscaled as `"{player}_{term}"`.

        Returns:
            float32 scalar, scaled for float16.
        """
        return self.joint_objective({player: terms})

    def joint_objective(self, terms: Mapping[str, Mapping[str, tf.Tensor]]) -> tf.Tensor:
        """Sums the terms of several players into one scalar that they descend together.

        Args:
            terms: Dict of player to its terms, see `objective`.

        Returns:
            float32 scalar, scaled for float16 by the least of the players' scales.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        for player, named in terms.items():
            for term, per_example in named.items():
                self.trackers[f"{player}_{term}"].update_state(per_example)
        total = sum(per_example for named in terms.values() for per_example in named.values())
        total = tf.reduce_mean(total) / (replicas * self.micro_batches)
        scale = loss_scale(self.optimizers[player] for player in terms)
        return total if scale is None else scale * total

    def gradients(self, tape, objective, player: str, *, output_gradients=None) -> list:
        """Returns the gradients of one player's objective.

        Args:
            tape: The gradient tape that recorded `objective`.
            objective: What `objective` returned, or outputs of the player.
            player: Name of the player.
            output_gradients: Gradients of the objective with respect to these outputs.

        Returns:
            List of float32 in the order of the player's trainable variables, without the scale of
            the objective.
        """
        gradients = self.joint_gradients(
            tape, objective, (player,), output_gradients=output_gradients
        )
        return gradients[player]

    def joint_gradients(self, tape, objective, players, *, output_gradients=None) -> dict:
        """Returns the gradients of an objective of several players, from one backward pass.

        Args:
            tape: As of `gradients`.
            objective: What `joint_objective` returned for these players.
            players: Names of the players.
            output_gradients: As of `gradients`.

        Returns:
            Dict of player to what `gradients` returns.
        """
        variables = {player: self.players[player].trainable_variables for player in players}
        gradients = tape.gradient(objective, variables, output_gradients=output_gradients)
        scale = loss_scale(self.optimizers[player] for player in players)
        if scale is None:
            return gradients
        return tf.nest.map_structure(lambda gradient: gradient * (1.0 / scale), gradients)

    def over_micro_batches(self, batch, gradients: Callable, players) -> dict:
        """Sums gradients over the micro-batches of a batch, of which one at a time is in memory.

        Args:
            batch: Tuple of `[batch, ...]`.
            gradients: Function of the parts of `batch` to a dict of player name to gradients.
            players: Names of these players.

        Returns:
            Dict of player name to gradients.

        Raises:
            ValueError: If the batch is known not to have that many equal parts.
        """
        if self.micro_batches == 1:
            return gradients(*batch)
        size = batch[0].shape[0] or 0  # Of open size: the parts find out.
        if size % self.micro_batches:
            raise InputError(
                "The batch of each device must be a multiple of `micro_batches`. Received: "
                f"{size} examples a device, micro_batches={self.micro_batches}. Use a larger batch."
            )
        stacks = [tf.reshape(x, (self.micro_batches, -1, *x.shape[1:])) for x in batch]

        def add(part, sums):
            parts = gradients(*(stack[part] for stack in stacks))
            return part + 1, tf.nest.map_structure(tf.add, sums, parts)

        sums = {
            player: [
                tf.zeros_like(variable) for variable in self.players[player].trainable_variables
            ]
            for player in players
        }
        # A loop and not a list, for TensorFlow computes at once what does not depend on another.
        return tf.while_loop(lambda part, _: part < self.micro_batches, add, (0, sums))[1]

    def apply(self, gradients: dict) -> None:
        """Lets players take one optimizer step each.

        Args:
            gradients: Dict of player name to gradients.
        """
        for player, player_gradients in gradients.items():
            self._measure(player, player_gradients)
            variables = self.players[player].trainable_variables
            self.optimizers[player].apply_gradients(zip(player_gradients, variables))
        for player in [name for name in self.averaged if name in gradients]:
            self._average(player)

    def _measure(self, player, gradients):
        def update():
            self.gradient_norms[player].update_state(tf.linalg.global_norm(gradients))
            return True

        tf.cond(self.measures_gradients, update, lambda: False)

    def _average(self, player):
        step = tf.cast(self.optimizers[player].iterations, "float32")
        share = tf.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        approach(self.averaged[player], self.players[player], share)

    def logs(self) -> dict:
        """Returns the running mean of every term by its name."""
        return {term: tracker.result() for term, tracker in self.trackers.items()}
