"""Compiling: conventions, precision and optimizers of any players, as a configuration says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType

from tfpix2pix.config import TrainConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families.family import Phase
from tfpix2pix.lazily import bfloat16, keras, layers, models, optimizers, schedules

# What options of a family may decide otherwise than the conventions that they name.
CHOICES = ("affine_instance", "bias", "gain", "initializer", "upsampling")


def chosen_conventions(options) -> layers.Conventions:
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
    return dataclasses.replace(layers.CONVENTIONS[options.conventions], **changes)


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Sets Keras' policy for the layers that are built within.

    Args:
        policy: Name of a Keras policy, such as `"float32"` or `"mixed_float16"`; or
            `"auto_bfloat16"`, for which layers stay float32, see `tfpix2pix.bfloat16`.

    Yields:
        Nothing.

    Raises:
        ValueError: If Keras puts channels first.

    Example:
        >>> with precision("mixed_bfloat16"):
        ...     keras.layers.Dense(1).compute_dtype
        'bfloat16'
    """
    if keras.backend.image_data_format() != "channels_last":
        raise InputError(
            "Networks take images with their channels last. Received: Keras with image_data_format "
            f"{keras.backend.image_data_format()!r}, as keras.json in the folder .keras of users "
            "may say. Change it there, or by keras.backend.set_image_data_format."
        )
    before = keras.mixed_precision.global_policy()
    is_rewrite = policy == bfloat16.AUTO_BFLOAT16
    keras.mixed_precision.set_global_policy("float32" if is_rewrite else policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def compile_model(
    model: models.TranslationModel,
    train: TrainConfig,
    settings: Mapping[str, optimizers.AdamSettings] = MappingProxyType({}),
    phases: Sequence[Phase] = (),
) -> models.TranslationModel:
    """Compiles a model with an Adam for each player, and with what else the training asks for.

    Args:
        model: `tfpix2pix.models.TranslationModel`.
        train: `tfpix2pix.config.TrainConfig`.
        settings: Dict of player to the settings of its optimizer; a player that is not named gets
            the default ones.
        phases: Those of the training; what they renew is compiled so that it can be.

    Returns:
        The same model.

    Raises:
        ValueError: If options are out of range or do not fit together, `best_by` is none of the
            model's validation metrics, or settings or phases name other players.

    Example:
        >>> from tfpix2pix.families import FAMILIES, preset
        >>> model = FAMILIES["pix2pix"].model(preset("quickstart"))
        >>> compile_model(model, TrainConfig(ema_decay=0.9)).averaged["generator"].name
        'unet_generator'
        >>> settings = {"discriminator": optimizers.AdamSettings(1e-4, beta_2=0.99)}
        >>> model = compile_model(model, TrainConfig(), settings)
        >>> round(float(model.optimizers["discriminator"].beta_2), 2)
        0.99
    """
    if train.best_by is not None and train.best_by not in model.validation_metrics:
        raise InputError(
            f"`best_by` must be one of {', '.join(model.validation_metrics)}, what this model "
            f"measures of held-out examples. Received: {train.best_by!r}."
        )
    if train.jit and train.precision == bfloat16.AUTO_BFLOAT16:
        raise InputError(
            f'`jit` must be false for the precision "{bfloat16.AUTO_BFLOAT16}": XLA compiles past '
            "the rewrite. Received: true. Leave it out."
        )
    renewed = {player for phase in phases for player in phase.renewed}
    if unknown := sorted({*settings, *renewed} - set(model.players)):
        raise InputError(
            f"Settings and phases name players of the model: {', '.join(model.players)}. Received: "
            f"{', '.join(unknown)}. Rename or remove them."
        )
    builders = {
        player: partial(_optimizer, train, settings.get(player, optimizers.AdamSettings()))
        for player in model.players
    }
    model.compile(
        {player: build() for player, build in builders.items() if player not in renewed},
        micro_batches=train.micro_batches,
        ema_decay=train.ema_decay,
        renewable={player: builders[player] for player in builders if player in renewed},
        jit_compile=train.jit,
    )
    return model


def _optimizer(train, settings, start=None):
    """Returns an optimizer; `start` is how many updates its player took before, a variable."""
    durations = (train.steps, train.warmup_steps, train.decay_from, train.decay_every)
    steps, warmup, decay_from, decay_every = (n and n * settings.updates for n in durations)
    learning_rate = schedules.schedule(
        train.schedule,
        settings.learning_rate or train.learning_rate,
        steps=steps,
        warmup=warmup,
        decay_from=decay_from,
        decay_every=decay_every,
        start=start,
        factor=settings.factor,
    )
    return optimizers.adam(
        learning_rate,
        settings.beta_1,
        beta_2=settings.beta_2,
        epsilon=settings.epsilon,
        clip_norm=train.clip_norm,
    )
