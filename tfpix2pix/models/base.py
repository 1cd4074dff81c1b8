"""The base of all image-to-image models: descending players, and the hooks of programs."""

from collections.abc import Mapping
from typing import Any, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import optimizers
from tfpix2pix.models import keras_calls
from tfpix2pix.models.averaging import regrown
from tfpix2pix.models.columns import Column
from tfpix2pix.models.descent import DescendingModel


class TranslationModel(DescendingModel):
    """A model whose players, named networks, each descend an objective of their own.

    A subclass writes `train_step` with `objective`, `gradients` and `apply`; `fit` and a loop of
    one's own then train alike. All methods here but `replace` are hooks.

    Args:
        players: As of `tfpix2pix.models.descent.DescendingModel`.
        terms: As of that.
        translators: As of that.
        logits: Names of the discriminator outputs whose running means `logits` has.
        name: Name of the model.

    Raises:
        ValueError: As of that.

    Attributes:
        logits: Dict of name, such as "real" and "fake", to the running mean of a discriminator's
            logits on such images, from the discriminator's update.
        notes: What a user should know before a training, such as terms that are left out.
        state: Dict of name to more that a checkpoint holds: variables, or objects with variables.
        ids: Names of `images` that hold whole numbers.
        validation_metrics: Dict of the names that `validate` returns to `"less"` or `"more"`, what
            is better; the first one decides which checkpoint is best.
    """

    notes: tuple[str, ...] = ()
    state: Mapping[str, Any] = {}
    ids: tuple[str, ...] = ()
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
        super().__init__(players, terms, translators=translators, name=name)
        self.logits = {name: keras.metrics.Mean(name=name) for name in logits}
        self.noise = tf.random.Generator.from_seed(0)  # Tracked: checkpoints carry its state.
        self._entered = None  # Name of the phase.

    def fit(self, *args, **kwargs):
        """Trains as `keras.Model.fit` does, on batches as of `train_step`.

        Raises:
            ValueError: If images are whole numbers, examples have weights, or a callback saves
                whole models or sets the learning rate of one player alone.
        """
        arguments = keras_calls.fit_arguments(super().fit, *args, **kwargs)
        keras_calls.check_callbacks(arguments.get("callbacks"))
        return super().fit(**keras_calls.checked_data(self, arguments))

    def make_train_function(self, force: bool = False):
        """Makes the function that `fit` calls, as Keras does, of one trace."""
        self.make_optimizer_variables()
        return super().make_train_function(force)

    def make_optimizer_variables(self) -> None:
        """Makes what the optimizers of the players keep, before a step is traced.

        In the scope of a strategy it is called in this scope.
        """
        for player, optimizer in self.optimizers.items():
            optimizers.make_variables(optimizer, self.players[player].trainable_variables)

    def evaluate(self, *args, **kwargs):
        """Measures as `keras.Model.evaluate` does, on batches as of `train_step`.

        Raises:
            ValueError: If images are whole numbers, or examples have weights.
        """
        arguments = keras_calls.fit_arguments(super().evaluate, *args, **kwargs)
        return super().evaluate(**keras_calls.checked_data(self, arguments))

    @property
    def metrics(self):
        """All means since the last reset."""
        groups = self.trackers, self.logits, self.gradient_norms
        return [metric for group in groups for metric in group.values()]

    @property
    def discriminator_losses(self) -> dict:
        """Dict of logged term to its function of logits on real and fake, to find it saturated."""
        return {}

    @property
    def caption(self) -> str:
        """Title of the sample picture, such as the phase in which the model is; by default none."""
        return ""

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

    def enter(self, phase, progress: float) -> None:
        """Prepares for a step of a phase: renews its optimizers; grows, freezes, sets a blend.

        A subclass that does more calls this too. `phase.renewed` names the players whose optimizers
        start anew when the model enters the phase from another.

        It is called before every step, and before a checkpoint is restored, with its last step. So
        what a phase changes in the players or the optimizers must depend on the phase alone, and
        not on the one before: a run is opened in any, and a roll-back leads into an earlier one.

        Args:
            phase: `tfpix2pix.families.Phase` of the step.
            progress: Part of the phase's steps that have been taken, in [0, 1).
        """
        if phase.name != self._entered:
            self._entered = phase.name
            self.renew(phase.renewed)

    def replace(self, player: str, network: keras.Model) -> None:
        """Puts another network in a player's place, for `enter`; its average goes on."""
        if network is not self.players[player]:
            self.players[player] = network
            if player in self.averaged:
                self.averaged[player] = regrown(self.averaged[player], network)

    def counterparts(self, other: "TranslationModel") -> dict[str, str]:
        """Names the players of another model with whose weights players of this may start.

        Args:
            other: `TranslationModel` of another run.

        Returns:
            Dict of players to the other's.

        Raises:
            ValueError: If it does not fit at all.
        """
        return {player: player for player in self.players if player in other.players}

    def starting_weights(self, layer, other_layer, other: "TranslationModel") -> Optional[list]:
        """Returns the weights of a counterpart's layer with which a layer may start.

        Args:
            layer: Layer of this model.
            other_layer: Layer of the same name of the counterpart.
            other: As of `counterparts`.

        Returns:
            List of arrays, as of `set_weights`; `None` if they are of other shapes.
        """
        weights = other_layer.get_weights()
        same = [w.shape for w in weights] == [tuple(v.shape) for v in layer.weights]
        return weights if same else None
