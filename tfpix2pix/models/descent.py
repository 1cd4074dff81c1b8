"""Descent: players that each descend an objective, by optimizers of their own."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Callable, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import optimizers
from tfpix2pix.errors import InputError
from tfpix2pix.layers.network_calls import leaves
from tfpix2pix.models import keras_calls
from tfpix2pix.models.averaging import approach, copied
from tfpix2pix.models.loss_scaling import loss_scale, scaling

_NONE = MappingProxyType({})


class DescendingModel(keras.Model):
    """A Keras model whose players, named networks, each descend an objective of their own.

    A subclass writes `train_step` with `objective`, `gradients` and `apply`, and lists its means in
    `metrics`.

    Args:
        players: Dict of player name to functional `keras.Model`. It may hold other networks and
            call layers several times; what two players hold, the optimizers of both move.
        terms: Names `"{player}_{term}"` of all objective terms, which are the logs of a step.
        translators: Names of the players that translate, whose weights can be averaged.
        name: Name of the model.

    Raises:
        ValueError: If a player is no functional network, or its layers hold dropout or batch norm
            out of sight.

    Attributes:
        trackers: Dict of term to its running mean.
        gradient_norms: Dict of player to the running mean of its gradient norm over all its
            variables, of each device's share and before it is clipped. It is measured only while
            `measures_gradients` is true, for it takes one more pass over all gradients.
        measures_gradients: bool variable.
        optimizers: Dict of player to its optimizer.
        earlier_updates: Dict of the players whose optimizers may be renewed to int64 variables: how
            many updates they took by the optimizers before. Checkpoints hold them.
        averaged: Dict of translator to the network with its averaged weights; empty without
            `ema_decay`.

    Example:
        >>> inputs = keras.Input((2,))
        >>> player = keras.Model(inputs, keras.layers.Dense(1)(inputs))
        >>> model = DescendingModel({"a": player}, ["a_size"], translators=("a",), name="one")
        >>> model.compile(renewable={"a": lambda start: optimizers.adam(1e-3)})
        >>> with tf.GradientTape() as tape:
        ...     objective = model.objective("a", size=tf.reduce_sum(player(tf.ones((4, 2))), 1))
        >>> model.apply({"a": model.gradients(tape, objective, "a")})
        >>> model.renew(["a"])
        >>> int(model.updates_taken("a")), int(model.optimizers["a"].iterations)
        (1, 0)
    """

    def __init__(self, players: dict, terms: list, *, translators: tuple, name: str):
        super().__init__(name=name)
        for player, network in players.items():
            try:
                leaves(network)
            except InputError as error:
                raise InputError(f"The player {player!r} is unknown inside. {error}") from error
        self.players = players
        self.translators = translators
        self.trackers = {term: keras.metrics.Mean(name=term) for term in terms}
        self.gradient_norms = {player: keras.metrics.Mean(name=player) for player in players}
        self.measures_gradients = tf.Variable(False, trainable=False)
        self.optimizers = None
        self.earlier_updates = {}
        self.micro_batches = 1
        self.ema_decay = 0.0
        self.averaged = {}

    @property
    def steps_taken(self) -> int:
        """How many steps the first translator has taken; a restored model knows it."""
        return int(self.updates_taken(self.translators[0]))

    def updates_taken(self, player: str) -> tf.Tensor:
        """Returns how many updates a player has taken, by all its optimizers.

        Args:
            player: Name of the player.

        Returns:
            int64 scalar.
        """
        taken = self.optimizers[player].iterations
        return taken + self.earlier_updates[player] if player in self.earlier_updates else taken

    def compile(
        self,
        optimizers_of_players: Optional[dict] = None,
        *,
        micro_batches: int = 1,
        ema_decay: float = 0.0,
        renewable: Mapping[str, Callable] = _NONE,
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
                initial weights are soon forgotten. A renewed optimizer does not count anew.
            renewable: Dict of the players whose optimizers `renew` starts anew to functions that
                make them, of an int64 variable: how many updates the player took before.
            **kwargs: Those of `keras.Model.compile`, such as `jit_compile`.

        Raises:
            ValueError: If a player is unknown, a number out of range, `micro_batches` asked of
                synchronized batch norm, or `jit_compile` of several replicas.
        """
        keras_calls.check_compiled(self, optimizers_of_players, kwargs)
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
        layers = [layer for network in self.players.values() for layer in leaves(network)]
        if micro_batches > 1 and any(getattr(layer, "synchronized", False) for layer in layers):
            raise InputError(
                '`micro_batches` must be 1 for norm="batch_sync", whose statistics are those of '
                f"the whole batch. Received: micro_batches={micro_batches}. Use norm="
                '"instance" or "batch".'
            )
        optimizers_of_players = dict(optimizers_of_players or {})
        if unknown := sorted({*optimizers_of_players, *renewable} - set(self.players)):
            raise InputError(
                f"Optimizers are given per player, {sorted(self.players)}. Received: {unknown}. "
                "Remove or rename them."
            )
        self.earlier_updates = {
            player: tf.Variable(0, dtype="int64", trainable=False) for player in renewable
        }
        self._renewable = dict(renewable)
        self._scales = any(layer.compute_dtype == "float16" for layer in layers)
        self._set_optimizers(
            {
                player: optimizers_of_players.get(player) or optimizers.adam()
                for player in self.players
                if player not in renewable
            }
            | self._new_optimizers(renewable)
        )
        self.micro_batches = micro_batches
        self.ema_decay = ema_decay
        self.averaged = {p: copied(self.players[p]) for p in self.translators} if ema_decay else {}
        super().compile(optimizer=self.optimizers[self.translators[0]], **kwargs)

    def save(self, *args, **kwargs):
        """Refuses to write a whole model, and says what can be saved.

        Raises:
            ValueError: Always.
        """
        del args, kwargs
        keras_calls.refuse_saving(self)

    get_config = save  # `keras.models.save_model` begins with it.

    def renew(self, players: Iterable[str]) -> None:
        """Starts the optimizers of players anew, without their moments; schedules go on.

        A step that was traced before holds the old ones: trace it again. In the scope of a strategy
        it is called in this scope.

        Args:
            players: Names of players that `compile` was told of.

        Raises:
            ValueError: If it was not.
        """
        players = list(players)
        if unknown := [player for player in players if player not in self.earlier_updates]:
            raise InputError(
                "`renew` starts the optimizers of players anew that `compile` got as `renewable`: "
                f"{', '.join(self.earlier_updates) or 'none'}. Received: {', '.join(unknown)}. "
                "Compile the model with functions that make their optimizers."
            )
        if players:
            for player in players:
                self.earlier_updates[player].assign(self.updates_taken(player))
            self._set_optimizers({**self.optimizers, **self._new_optimizers(players)})
            self.optimizer = self.optimizers[self.translators[0]]

    def _new_optimizers(self, players):
        return {player: self._renewable[player](self.earlier_updates[player]) for player in players}

    def _set_optimizers(self, optimizers_of_players):
        """Sets them in the order of the players, and lets them scale the loss for float16."""
        made = {player: optimizers_of_players[player] for player in self.players}
        self.optimizers = {p: scaling(o) for p, o in made.items()} if self._scales else made

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
        step = tf.cast(self.updates_taken(player), "float32")
        decay = tf.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        approach(self.averaged[player], self.players[player], decay)

    def logs(self) -> dict:
        """Returns the running mean of every term by its name."""
        return {term: tracker.result() for term, tracker in self.trackers.items()}
