"""From a configuration to networks, model and checkpoints."""

import dataclasses
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import config as configs
from tfpix2pix import losses, networks, optimizers, schedules
from tfpix2pix.errors import InputError
from tfpix2pix.factory.data import geometry, task
from tfpix2pix.layers import CONVENTIONS
from tfpix2pix.models import Pix2Pix
from tfpix2pix.networks.unet import checked_depth

CHECKPOINTS, BEST = "checkpoints", "best"
AVERAGED = "averaged_generator"


def generator(config):
    """Builds the generator, with open sides: it translates any multiple of `2**depth`, in float32.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        `keras.Model`, see `unet_generator`.

    Raises:
        ValueError: If the training size does not allow the depth.

    Example:
        >>> from tfpix2pix.presets import QUICKSTART
        >>> generator(QUICKSTART).input_shape
        (None, None, None, 3)
    """
    model, channels = config.model, task(config).channels
    return networks.unet_generator(
        (None, None, channels[0]),
        channels[1],
        base_filters=model.base_filters,
        depth=checked_depth((*config.data.image_size, 3), model.depth),
        norm=model.norm,
        dropout_levels=model.dropout_levels,
        skips=model.skips,
        conventions=_conventions(model),
        seed=config.train.seed,
    )


def compiled_model(config):
    """Builds the model with its networks and optimizers, in the precision of the training.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        A compiled `Pix2Pix`.

    Raises:
        ValueError: If the training size does not fit the networks, or options do not fit together.

    Example:
        >>> from tfpix2pix.presets import QUICKSTART
        >>> compiled_model(QUICKSTART).name
        'pix2pix'
    """
    options, train, channels = config.model, config.train, task(config).channels
    with _precision(train.precision):
        translator = generator(config)
        discriminator = networks.patch_discriminator(
            (*(geometry(config).window or (None, None)), channels[0]),
            channels[1],
            receptive_field=options.receptive_field,
            base_filters=options.discriminator_filters or options.base_filters,
            norm=options.discriminator_norm or options.norm,
            conditional=options.conditional,
            conventions=_conventions(options),
            seed=train.seed,
        )
    penalty = losses.penalty(options.penalty)
    model = Pix2Pix(
        translator,
        discriminator,
        l1_weight=options.l1_weight,
        gan_weight=options.gan_weight,
        adversarial=losses.adversarial(options.adversarial, real_label=options.real_label),
        penalty=penalty and (options.penalty_weight, penalty),
        extra_losses=_extra_losses(options),
        update=train.update,
        discriminator_steps=train.discriminator_steps,
    )
    rates = {
        "generator": (train.learning_rate, 1),
        "discriminator": (
            train.discriminator_learning_rate or train.learning_rate,
            train.discriminator_steps,
        ),
    }
    model.compile(
        {
            player: optimizers.adam(_schedule(train, *of_player), clip_norm=train.clip_norm)
            for player, of_player in rates.items()
        },
        accumulate=train.accumulate,
        ema=train.ema,
        jit_compile=train.jit,
    )
    return model


def checkpoint(model, step):
    """Names what a checkpoint of a training holds: networks, noise, optimizers and the step.

    With `ema` the averaged generator is among the networks.

    Layers go by their names, not by Keras' count of layers, so that a checkpoint outlives a layer
    without weights that a later version adds or drops.

    Args:
        model: A compiled `tfpix2pix.models.TranslationModel`.
        step: int64 scalar variable, the number of steps taken.

    Returns:
        `tf.train.Checkpoint`.

    Example:
        >>> from tfpix2pix.presets import QUICKSTART
        >>> saved = checkpoint(compiled_model(QUICKSTART), tf.Variable(0, dtype="int64"))
        >>> int(saved.step)
        0
    """
    averaged = {AVERAGED: model.averaged_generator} if model.averaged_generator else {}
    networks_by_name = {
        name: _by_name(network) for name, network in {**model.players, **averaged}.items()
    }
    of_optimizers = {f"{player}_optimizer": model.optimizers[player] for player in model.players}
    return tf.train.Checkpoint(step=step, noise=model.noise, **networks_by_name, **of_optimizers)


def restored_generator(run, *, best=False, averaged=False):
    """Rebuilds the generator of a run from its newest checkpoint, or from its best.

    Args:
        run: Folder of the run.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether the weights are the means over the last steps.

    Returns:
        `keras.Model` with the trained weights, float32 whatever precision it was trained in.

    Raises:
        ValueError: If there is no configuration or no checkpoint, they do not fit together, or the
            run has no averages.

    Example:
        >>> restored_generator("no-such-run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: ...
    """
    config = configs.load(run)
    if averaged and not config.train.ema:
        raise InputError(
            f"Averaged weights are in runs with --train.ema above 0. Received: {str(run)!r}, which "
            "has none. Take the weights as they are, or train another run with --train.ema 0.999."
        )
    restored = generator(config)
    _restore({AVERAGED if averaged else "generator": restored}, run, BEST if best else CHECKPOINTS)
    return restored


def restored_networks(run):
    """Rebuilds all networks of a run from its newest checkpoint.

    Args:
        run: Folder of the run.

    Returns:
        Dict of player to `keras.Model` with the trained weights.

    Raises:
        ValueError: If there is no configuration or no checkpoint, or they do not fit together.

    Example:
        >>> restored_networks("no-such-run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: ...
    """
    networks = compiled_model(configs.load(run)).players
    _restore(networks, run, CHECKPOINTS)
    return networks


def _restore(networks, run, place):
    folder = Path(run) / place
    newest = tf.train.latest_checkpoint(folder)
    if newest is None:
        raise InputError(
            f"A trained run has checkpoints in {folder}. Received: {str(run)!r}, which has none "
            "yet. Train it further, or lower --train.checkpoint_every."
        )
    try:
        by_name = {name: _by_name(network) for name, network in networks.items()}
        status = tf.train.Checkpoint(**by_name).restore(newest)
        status.expect_partial().assert_existing_objects_matched()
    except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            f"A checkpoint must be whole and of the run's configuration. Received: {newest}, which "
            f"does not fit ({reason}). Restore config.yaml, or remove the checkpoint to use the "
            "one before."
        ) from error


def _by_name(network):
    return {
        layer.name: layer for layer in network.layers if layer.weights or hasattr(layer, "noise")
    }


@contextmanager
def _precision(policy):
    """Sets Keras' policy for the layers that are built within."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def _schedule(train, rate, updates):
    """Returns the schedule of an optimizer that makes `updates` in a step of the training."""
    durations = (train.steps, train.warmup_steps, train.decay_from, train.decay_every)
    steps, warmup, decay_from, decay_every = (n and n * updates for n in durations)
    return schedules.schedule(
        train.schedule,
        rate,
        steps=steps,
        warmup=warmup,
        decay_from=decay_from,
        decay_every=decay_every,
    )


def _conventions(options):
    chosen = CONVENTIONS[options.conventions]
    named = ("upsampling", "initializer", "gain")
    own = {name: getattr(options, name) for name in named if getattr(options, name) is not None}
    return dataclasses.replace(chosen, **own)


def _extra_losses(options):
    if not options.l2_weight:
        return {}

    def weighted_l2(source, target, translated):
        del source
        return options.l2_weight * losses.l2(target, translated)

    return {"l2": weighted_l2}
