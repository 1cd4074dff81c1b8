"""The base of all image-to-image models: players, objectives, the one division by replicas."""

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import losses, optimizers
from tfpix2pix.errors import InputError


class TranslationModel(keras.Model):
    """A Keras model whose players, named networks, each descend an objective of their own.

    A subclass writes `train_step` with `objective` and `descend`; `fit` and a loop of one's own
    then train alike, on one replica or many.

    Args:
        players: Dict of player name to `keras.Model`; must contain `"generator"`.
        terms: Names `"{player}_{term}"` of all objective terms, which are the logs of a step.
        name: Name of the model.

    Attributes:
        trackers: Dict of term to its running mean.
        logits: Dict of "real" and "fake" to the running means of what the discriminator says of
            them in its own turn.
        gradient_norms: Dict of player to the running mean of the length of its gradient over all
            its variables, of each device's share and before it is clipped. It is measured only
            while `measures_gradients` is true, for it takes one more pass over all gradients.
        measures_gradients: bool variable.
    """

    def __init__(self, players, terms, *, name):
        super().__init__(name=name)
        self.players = players
        self.trackers = {term: keras.metrics.Mean(name=term) for term in terms}
        self.gradient_norms = {player: keras.metrics.Mean(name=player) for player in players}
        self.logits = {name: keras.metrics.Mean(name=name) for name in ("real", "fake")}
        self.measures_gradients = tf.Variable(False, trainable=False)
        self.validation_l1 = keras.metrics.Mean(name="l1")
        self.noise = tf.random.Generator.from_seed(0)  # Tracked: checkpoints carry its state.
        self.optimizers = None
        self.parts = 1
        self.ema = 0.0
        self.averaged_generator = None

    @property
    def generator(self):
        """The network that translates."""
        return self.players["generator"]

    @property
    def metrics(self):
        """All means since the last reset, and the validation L1."""
        groups = self.trackers, self.logits, self.gradient_norms
        return [*(metric for group in groups for metric in group.values()), self.validation_l1]

    def compile(self, optimizers_of_players=None, *, accumulate=1, ema=0.0, **kwargs):
        """Sets the optimizers, and how the players go by what these say.

        Players that compute in float16 get optimizers that scale the loss, so that small gradients
        do not become 0: a step whose gradients overflow is left out and halves the scale.

        Args:
            optimizers_of_players: Dict of player name to optimizer; a player that is not named gets
                the paper's Adam (`tfpix2pix.optimizers.adam`).
            accumulate: Number of equal parts in which a replica takes its batch, one after the
                other, to save memory; their gradients are summed before the step.
            ema: Share that `averaged_generator`, whose weights are means over the past ones of the
                generator, keeps of itself per step; 0 for none. In early step t it is at most
                (1 + t) / (10 + t), so that the initial weights are soon forgotten.
            **kwargs: Those of `keras.Model.compile`, such as `jit_compile`.

        Raises:
            ValueError: If a player is unknown, a number out of range, `accumulate` asked of
                synchronized batch norm, or `jit_compile` of several replicas.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if accumulate < 1 or not 0 <= ema < 1:
            raise InputError(
                "`accumulate` must be at least 1, and `ema` at least 0 and below 1. Received: "
                f"accumulate={accumulate}, ema={ema}. 0.999 averages over some 1000 steps."
            )
        if kwargs.get("jit_compile") and replicas > 1:
            raise InputError(
                "`jit_compile` is for one device: XLA cannot compile what several exchange. "
                f"Received: {replicas} devices. Leave it out or use one device."
            )
        layers = [layer for network in self.players.values() for layer in network.layers]
        if accumulate > 1 and any(getattr(layer, "synchronized", False) for layer in layers):
            raise InputError(
                '`accumulate` must be 1 for norm="batch_sync", whose statistics are those of the '
                f'whole batch. Received: accumulate={accumulate}. Use norm="instance" or "batch".'
            )
        given = dict(optimizers_of_players or {})
        if unknown := sorted(set(given) - set(self.players)):
            raise InputError(
                f"Optimizers are given per player, {sorted(self.players)}. Received: {unknown}. "
                f"Remove or rename them."
            )
        self.optimizers = {
            player: given.get(player) or optimizers.adam() for player in self.players
        }
        if any(layer.compute_dtype == "float16" for layer in layers):
            self.optimizers = {p: _scaling(optimizer) for p, optimizer in self.optimizers.items()}
        self.parts, self.ema, self.averaged_generator = accumulate, ema, None
        if ema:
            self.averaged_generator = keras.models.clone_model(self.generator)
            self.averaged_generator.set_weights(self.generator.get_weights())
            self.averaged_generator.trainable = False
        super().compile(optimizer=self.optimizers["generator"], **kwargs)

    def call(self, source, training=False):
        """Translates a batch; see `translate`."""
        return self.generator(source, training=training)

    @tf.function(reduce_retracing=True)
    def translate(self, source):
        """Translates images, without dropout, each by its own statistics.

        Args:
            source: float `[batch, height, width, channels]` in [-1, 1], of a size that the
                generator takes; `tfpix2pix.inference.translate` takes any.

        Returns:
            float32 `[batch, height, width, output_channels]` in (-1, 1).
        """
        return self.generator(source, training=False)

    def objective(self, player, **terms):
        """Sums the per-example `terms` of one player into the scalar its optimizer descends.

        Gradients are *summed* over replicas and the parts of their batches, so the mean over this
        part is divided by the number of both: with equal shares the sum is the mean over the global
        batch.

        Args:
            player: Name of the player.
            **terms: float32 `[batch]` each, tracked unscaled as `"{player}_{term}"`.

        Returns:
            float32 scalar, scaled for float16.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        for term, per_example in terms.items():
            self.trackers[f"{player}_{term}"].update_state(per_example)
        total = tf.reduce_mean(sum(terms.values())) / (replicas * self.parts)
        optimizer = self.optimizers[player]
        return optimizer.get_scaled_loss(total) if _scales(optimizer) else total

    def descend(self, tape, objective, player):
        """Lets one player take one optimizer step down its objective.

        Args:
            tape: The gradient tape that recorded `objective`.
            objective: What `objective` returned.
            player: Name of the player whose variables move.
        """
        self.apply({player: self.gradients(tape, objective, player)})

    def gradients(self, tape, objective, player):
        """Returns the gradients of one player's objective.

        Args:
            tape: The gradient tape that recorded `objective`.
            objective: What `objective` returned.
            player: Name of the player.

        Returns:
            List of float32 in the order of the player's trainable variables, without the scale of
            the objective.
        """
        gradients = tape.gradient(objective, self.players[player].trainable_variables)
        optimizer = self.optimizers[player]
        return optimizer.get_unscaled_gradients(gradients) if _scales(optimizer) else gradients

    def over_parts(self, data, gradients_of, *players):
        """Sums gradients over the parts of a batch, of which only one at a time is in memory.

        Args:
            data: Tuple of `[batch, ...]`.
            gradients_of: Function of the parts of `data` to a dict of player name to gradients.
            *players: Names of these players.

        Returns:
            Dict of player name to gradients.

        Raises:
            ValueError: If the batch is known not to have that many equal parts.
        """
        if self.parts == 1:
            return gradients_of(*data)
        batch = data[0].shape[0] or 0  # Of open size: the parts find out.
        if batch % self.parts:
            raise InputError(
                "The batch of each device must be a multiple of `accumulate`. Received: "
                f"{batch} examples a device, accumulate={self.parts}. Use a larger batch."
            )
        stacks = [tf.reshape(x, (self.parts, -1, *x.shape[1:])) for x in data]

        def add(part, sums):
            gradients = gradients_of(*(stack[part] for stack in stacks))
            return part + 1, tf.nest.map_structure(tf.add, sums, gradients)

        sums = {
            player: [
                tf.zeros_like(variable) for variable in self.players[player].trainable_variables
            ]
            for player in players
        }
        # A loop and not a list, for TensorFlow computes at once what does not depend on another.
        return tf.while_loop(lambda part, _: part < self.parts, add, (0, sums))[1]

    def apply(self, gradients):
        """Lets players take one optimizer step each.

        Args:
            gradients: Dict of player name to gradients.
        """
        for player, of_player in gradients.items():
            self._measure(player, of_player)
            variables = self.players[player].trainable_variables
            self.optimizers[player].apply_gradients(zip(of_player, variables))
        if self.ema and "generator" in gradients:
            # All replicas have the same weights by now, so each updates the copy of its own.
            tf.distribute.get_replica_context().merge_call(self._average)

    def _measure(self, player, gradients):
        def measured():
            self.gradient_norms[player].update_state(tf.linalg.global_norm(gradients))
            return True

        tf.cond(self.measures_gradients, measured, lambda: False)

    def _average(self, strategy):
        step = tf.cast(self.optimizers["generator"].iterations, "float32")
        share = tf.minimum(self.ema, (1.0 + step) / (10.0 + step))

        def approach(average, weight):
            average.assign_sub((1.0 - share) * (average - weight))

        for average, weight in zip(self.averaged_generator.weights, self.generator.weights):
            strategy.extended.update(average, approach, args=(weight,))

    def logs(self):
        """Returns the running mean of every term by its name."""
        return {term: tracker.result() for term, tracker in self.trackers.items()}

    def test_step(self, data):
        """Measures the L1 between translations and targets, in [0, 2]."""
        source, target = data
        self.validation_l1.update_state(losses.l1(target, self.generator(source, training=False)))
        return {"l1": self.validation_l1.result()}


def _scales(optimizer):
    return isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)


def _scaling(optimizer):
    return optimizer if _scales(optimizer) else keras.mixed_precision.LossScaleOptimizer(optimizer)
