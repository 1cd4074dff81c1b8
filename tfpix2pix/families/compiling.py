"""Compiling: conventions, precision and optimizers of any players, as a configuration says."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from tensorflow import keras

from tfpix2pix import optimizers, schedules
from tfpix2pix.bfloat16 import AUTO_BFLOAT16
from tfpix2pix.config import TrainConfig
from tfpix2pix.errors import InputError
from tfpix2pix.layers import CONVENTIONS, Conventions
from tfpix2pix.models import TranslationModel

# What options of a family may decide otherwise than the conventions that they name.
CHOICES = ("affine_instance", "bias", "gain", "initializer", "upsampling")


def chosen_conventions(options) -> Conventions:
    """Returns the conventions that a family's options name, with what they decide otherwise.

    Args:
        options: Options of a family, of which `conventions` is a key of
            `tfpix2pix.layers.CONVENTIONS`, and `CHOICES` are `None` or a choice.

    Returns:
        `tfpix2pix.layers.Conventions`.

    Example:
        >>> from tfpix2pix.families import preset
        >>> chosen_conventions(dataclasses.replace(preset("facades").model, gain=0.1)).gain
        0.1
    """
    choices = {name: getattr(options, name) for name in CHOICES}
    changes = {name: choice for name, choice in choices.items() if choice is not None}
    return dataclasses.replace(CONVENTIONS[options.conventions], **changes)


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Sets Keras' policy for the layers that are built within.

    Args:
        policy: Name of a Keras policy, such as `"float32"` or `"mixed_float16"`; or
            `"auto_bfloat16"`, for which layers stay float32, see `tfpix2pix.bfloat16`.

    Yields:
        Nothing.

    Example:
        >>> with precision("mixed_bfloat16"):
        ...     keras.layers.Dense(1).compute_dtype
        'bfloat16'
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32" if policy == AUTO_BFLOAT16 else policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def compile_model(
    model: TranslationModel, train: TrainConfig, updates: Mapping[str, int] = MappingProxyType({})
) -> TranslationModel:
    """Compiles a model with an Adam for each player, and with what else the training asks for.

    Players whose names begin with "discriminator" have the discriminators' learning rate.

    Args:
        model: `tfpix2pix.models.TranslationModel`.
        train: `tfpix2pix.config.TrainConfig`.
        updates: How many updates a player makes in a step, where they are more than one; its
            schedule is stretched by it.

    Returns:
        The same model.

    Raises:
        ValueError: If options are out of range or do not fit together, or `best_by` is none of the
            model's validation metrics.

    Example:
        >>> from tfpix2pix.families import FAMILIES, preset
        >>> model = FAMILIES["pix2pix"].model(preset("quickstart"))
        >>> compile_model(model, TrainConfig(ema_decay=0.9)).averaged["generator"].name
        'unet_generator'
    """
    if train.best_by is not None and train.best_by not in model.validation_metrics:
        raise InputError(
            f"`best_by` must be one of {', '.join(model.validation_metrics)}, what this model "
            f"measures of held-out examples. Received: {train.best_by!r}."
        )
    if train.jit and train.precision == AUTO_BFLOAT16:
        raise InputError(
            f'`jit` must be false for the precision "{AUTO_BFLOAT16}": XLA compiles past the '
            "rewrite. Received: true. Leave it out."
        )
    model.compile(
        {
            player: optimizers.adam(
                _schedule(train, _learning_rate(train, player), updates.get(player, 1)),
                clip_norm=train.clip_norm,
            )
            for player in model.players
        },
        micro_batches=train.micro_batches,
        ema_decay=train.ema_decay,
        jit_compile=train.jit,
    )
    return model


def _learning_rate(train, player):
    if player.startswith("discriminator"):
        return train.discriminator_learning_rate or train.learning_rate
    return train.learning_rate


def _schedule(train, learning_rate, updates):
    """Returns the schedule of an optimizer that makes `updates` in a step of the training."""
    durations = (train.steps, train.warmup_steps, train.decay_from, train.decay_every)
    steps, warmup, decay_from, decay_every = (n and n * updates for n in durations)
    return schedules.schedule(
        train.schedule,
        learning_rate,
        steps=steps,
        warmup=warmup,
        decay_from=decay_from,
        decay_every=decay_every,
    )
