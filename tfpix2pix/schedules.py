"""Learning rate schedules: constant, linear and cosine decay, step decay, warm-up."""

import math
from typing import Optional, Union

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError

KINDS = ("constant", "linear", "cosine", "step")


def schedule(
    kind: str,
    rate: float,
    *,
    steps: int,
    warmup: int = 0,
    decay_from: Optional[int] = None,
    decay_every: Optional[int] = None,
    start: Optional[tf.Variable] = None,
    factor: Optional[tf.Variable] = None,
) -> Union[float, "LearningRate"]:
    """Builds the learning rate schedule of a training.

    Args:
        kind: `"constant"`; `"linear"` or `"cosine"` decay, to 0 one step after the last; or
            `"step"` decay, by a factor of 10 every `decay_every` steps.
        rate: Highest learning rate.
        steps: Length of the training in steps.
        warmup: Steps of linear warm-up; the last of them has the highest rate.
        decay_from: First step (from 0) of the linear or cosine decay; by default the middle of the
            training for linear, and the end of the warm-up for cosine.
        decay_every: Steps from one step decay to the next; by default a quarter of the training.
        start: int64 variable, how many steps came before the optimizer's first; by default none.
        factor: float32 variable that all rates are multiplied by; by default none.

    Returns:
        `rate` itself if it never changes, else a `LearningRate`, for the optimizer.

    Raises:
        ValueError: If the kind is unknown, or a duration is negative or leaves no step to decay.

    Example:
        >>> halved_thrice = schedule("linear", 8.0, steps=6, decay_from=3)
        >>> [float(halved_thrice(step)) for step in range(6)]
        [8.0, 8.0, 8.0, 6.0, 4.0, 2.0]
    """
    if kind not in KINDS:
        raise InputError(f"`schedule` must be one of {sorted(KINDS)}. Received: schedule={kind!r}.")
    if decay_from is None:
        decay_from = warmup if kind == "cosine" else steps // 2
    decay_every = max(1, steps // 4) if decay_every is None else decay_every
    decays_in_time = kind not in ("linear", "cosine") or 0 <= decay_from < steps
    if warmup < 0 or decay_every < 1 or not decays_in_time:
        raise InputError(
            "`warmup` must be at least 0, `decay_every` at least 1, and `decay_from` a step of the "
            f"training. Received: warmup={warmup}, decay_every={decay_every}, "
            f"decay_from={decay_from}, steps={steps}. Start to decay earlier or train longer."
        )
    if kind == "constant" and warmup == 0 and factor is None:
        return rate
    return LearningRate(kind, rate, steps, warmup, decay_from, decay_every, start, factor)


@keras.utils.register_keras_serializable("tfpix2pix")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate as a function of the optimizer's step count, which checkpoints hold.

    An optimizer that starts anew amid a training counts from 0 again; `start` lets its rate go on.

    Args:
        kind: As for `schedule`, which checks all arguments and fills in defaults.
        rate: As for `schedule`.
        steps: As for `schedule`; later steps have the rate of the last one.
        warmup: As for `schedule`.
        decay_from: As for `schedule`.
        decay_every: As for `schedule`.
        start: As for `schedule`; a number or `None` in a configuration.
        factor: As for `schedule`; a number or `None` in a configuration.

    Example:
        >>> [float(LearningRate("step", 1.0, 9, 2, 0, 3)(step)) for step in (0, 1, 2)]
        [0.5, 1.0, 1.0]

    Reference:
        The linear decay is that of junyanz/pytorch-CycleGAN-and-pix2pix since 2025, whose 200
        epochs have the rates 1 - max(0, epoch - 100) / 101, in steps instead of epochs: the mean
        is the same, and no rate is further from it than one epoch changes it. Its older code
        decays one epoch earlier, reaches 0 in the last one and trains nothing there.
    """

    def __init__(
        self,
        kind: str,
        rate: float,
        steps: int,
        warmup: int,
        decay_from: int,
        decay_every: int,
        start: Optional[Union[tf.Variable, int]] = None,
        factor: Optional[Union[tf.Variable, float]] = None,
    ):
        self._start = start
        self._factor = factor
        self.options = {
            "kind": kind,
            "rate": rate,
            "steps": steps,
            "warmup": warmup,
            "decay_from": decay_from,
            "decay_every": decay_every,
        }

    def __call__(self, step):
        """Returns the rate of a step, counted from 0 at the start."""
        options = self.options
        step = step if self._start is None else step + tf.cast(self._start, step.dtype)
        step = tf.cast(step, "float32")
        left = options["steps"] - tf.minimum(step, options["steps"] - 1.0)
        remaining = tf.minimum(left / (options["steps"] - options["decay_from"] + 1.0), 1.0)
        factor = {
            "constant": lambda: 1.0,
            "linear": lambda: remaining,
            # (1 - cos) / 2 would round to 0 in the last steps.
            "cosine": lambda: tf.sin(0.5 * math.pi * remaining) ** 2,
            "step": lambda: 0.1 ** (step // options["decay_every"]),
        }[options["kind"]]()
        warmup = tf.minimum((step + 1.0) / max(1, options["warmup"]), 1.0)
        factor = factor if self._factor is None else factor * self._factor
        return options["rate"] * warmup * factor

    def get_config(self):
        """Returns the arguments that rebuild the schedule."""
        # `int` of a variable of several devices fails.
        given = {"start": (int, self._start), "factor": (float, self._factor)}
        numbers = {
            name: kind(tf.convert_to_tensor(value))
            for name, (kind, value) in given.items()
            if value is not None
        }
        return {**self.options, **numbers}
