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
    """

    def __init__(self, players, terms, *, name):
        super().__init__(name=name)
        self.players = players
        self.trackers = {term: keras.metrics.Mean(name=term) for term in terms}
        self.validation_l1 = keras.metrics.Mean(name="l1")
        self.noise = tf.random.Generator.from_seed(0)  # Tracked: checkpoints carry its state.
        self.optimizers = None

    @property
    def generator(self):
        """The network that translates."""
        return self.players["generator"]

    @property
    def metrics(self):
        """The mean of each term since the last reset, and the validation L1."""
        return [*self.trackers.values(), self.validation_l1]

    def compile(self, optimizers_of_players=None, **kwargs):
        """Sets the optimizers.

        Args:
            optimizers_of_players: Dict of player name to optimizer; a player that is not named gets
                the paper's Adam (`tfpix2pix.optimizers.adam`).
            **kwargs: Those of `keras.Model.compile`, such as `jit_compile`.

        Raises:
            ValueError: If a player is unknown.
        """
        given = dict(optimizers_of_players or {})
        if unknown := sorted(set(given) - set(self.players)):
            raise InputError(
                f"Optimizers are given per player, {sorted(self.players)}. Received: {unknown}. "
                f"Remove or rename them."
            )
        self.optimizers = {
            player: given.get(player) or optimizers.adam() for player in self.players
        }
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

        Gradients are *summed* over replicas, so the mean over this replica is divided by their
        number: with equal shares the sum is the mean over the global batch.

        Args:
            player: Name of the player.
            **terms: float32 `[batch]` each, tracked unscaled as `"{player}_{term}"`.

        Returns:
            float32 scalar.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        for term, per_example in terms.items():
            self.trackers[f"{player}_{term}"].update_state(per_example)
        return tf.reduce_mean(sum(terms.values())) / replicas

    def descend(self, tape, objective, player):
        """Lets one player take one optimizer step down its objective.

        Args:
            tape: The gradient tape that recorded `objective`.
            objective: float32 scalar.
            player: Name of the player whose variables move.
        """
        variables = self.players[player].trainable_variables
        gradients = tape.gradient(objective, variables)
        self.optimizers[player].apply_gradients(zip(gradients, variables))

    def logs(self):
        """Returns the running mean of every term by its name."""
        return {term: tracker.result() for term, tracker in self.trackers.items()}

    def test_step(self, data):
        """Measures the L1 between translations and targets, in [0, 2]."""
        source, target = data
        self.validation_l1.update_state(losses.l1(target, self.generator(source, training=False)))
        return {"l1": self.validation_l1.result()}
