"""Keras' calls: what `compile`, `fit` and `save` get by habit, refused before anything is lost."""

import inspect
import warnings
from collections.abc import Mapping

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError

# Arguments of Keras' `compile` that a model of several players does not read.
OBJECTIVES = ("loss", "loss_weights")
MEASURES = ("metrics", "weighted_metrics")
LOOKED_AT = 64  # Examples of arrays.
BOUND = 1.01  # A cubic kernel goes a little beyond.


def check_compiled(model, optimizers, options: Mapping) -> None:
    """Refuses what Keras' models take and a model of several players would not heed.

    Args:
        model: `DescendingModel`.
        optimizers: Its argument, which should be a dict of player to optimizer.
        options: The other arguments of `compile`.

    Raises:
        ValueError: If there is such.

    Example:
        >>> from tfpix2pix.models.descent import DescendingModel
        >>> inputs = keras.Input((2,))
        >>> player = keras.Model(inputs, keras.layers.Dense(1)(inputs))
        >>> model = DescendingModel({"a": player}, ["a_size"], translators=("a",), name="one")
        >>> check_compiled(model, None, {"loss": "mse"})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: What players minimize is told to ...
    """
    kind = type(model).__name__
    given = {name: value for name, value in options.items() if value is not None}
    if named := [name for name in given if name in OBJECTIVES]:
        raise InputError(
            f"What players minimize is told to `{kind}` itself. Received: "
            f"compile({_arguments(given, named)}). Leave it out, and see `help({kind})` for the "
            "losses and their weights."
        )
    if named := [name for name in given if name in MEASURES]:
        raise InputError(
            f"Translations are measured beside the training. Received: "
            f"compile({_arguments(given, named)}). Leave it out; `model.validate(batch)` measures, "
            "and so do the functions of `tfpix2pix.metrics`."
        )
    if "optimizer" in given:
        optimizers = given["optimizer"]
    each = list(optimizers.values()) if isinstance(optimizers, Mapping) else [optimizers]
    each = [optimizer for optimizer in each if optimizer is not None]
    proper = isinstance(optimizers, Mapping) and "optimizer" not in given
    proper = proper and all(hasattr(optimizer, "apply_gradients") for optimizer in each)
    if optimizers and not (proper and len(set(map(id, each))) == len(each)):
        first = next(iter(model.players))
        raise InputError(
            "Each player has an optimizer of its own. Received: "
            f"{_shown(optimizers)}. Give a dict of {', '.join(model.players)}, such as "
            f"compile({{{first!r}: tfpix2pix.optimizers.adam(2e-4)}}); a player that it does not "
            "name gets the paper's Adam."
        )


def refuse_saving(model) -> None:
    """Refuses to write a whole model, which Keras would write and could not read.

    Args:
        model: `DescendingModel`.

    Raises:
        ValueError: Always.

    Example:
        >>> from tfpix2pix.models.descent import DescendingModel
        >>> inputs = keras.Input((2,))
        >>> player = keras.Model(inputs, keras.layers.Dense(1)(inputs))
        >>> model = DescendingModel({"a": player}, ["a_size"], translators=("a",), name="one")
        >>> refuse_saving(model)
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: Keras can save each network of a model, ...
    """
    player = model.translators[0]
    raise InputError(
        "Keras can save each network of a model, not a model of several. Received: a whole "
        f"{type(model).__name__}. Call `model.save_weights('NAME.weights.h5')`, whose file the "
        "`load_weights` of a new model takes, or "
        f"`model.players[{player!r}].save('NAME.keras')`, whose file `keras.models.load_model` "
        "takes after `import tfpix2pix`."
    )


def fit_arguments(method, *args, **kwargs) -> dict:
    """Returns the arguments of a call of Keras' `fit` or `evaluate` by their names.

    Args:
        method: The bound method of Keras.
        *args: As they were given.
        **kwargs: As they were given.

    Example:
        >>> fit_arguments(keras.Model().fit, 1, 2, epochs=3)
        {'x': 1, 'y': 2, 'epochs': 3}
    """
    bound = inspect.signature(method).bind(*args, **kwargs).arguments
    return {**bound, **bound.pop("kwargs", {})}


def check_callbacks(callbacks) -> None:
    """Refuses callbacks of Keras that would do half of what they do for one network.

    Args:
        callbacks: As `fit` takes them.

    Raises:
        ValueError: If they save whole models, or set the learning rate of one player alone.

    Example:
        >>> check_callbacks([keras.callbacks.ModelCheckpoint("model.keras")])
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: Keras can save the weights of a model of ...
    """
    for callback in tf.nest.flatten(getattr(callbacks, "callbacks", callbacks)):
        name = type(callback).__name__
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            if not callback.save_weights_only:
                raise InputError(
                    "Keras can save the weights of a model of several networks, not the model. "
                    f"Received: {name}({str(callback.filepath)!r}), whose files nothing could "
                    "load. Add save_weights_only=True and a path that ends with .weights.h5; or "
                    "use `tfpix2pix.callbacks.Checkpoint`, from which the training goes on."
                )
        elif isinstance(
            callback, (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)
        ):
            raise InputError(
                "Each player has a learning rate of its own. Received: the callback "
                f"{name}, which would set that of one player. Give `compile` an optimizer of each "
                "player with a schedule, such as of `tfpix2pix.schedules.schedule`, or assign "
                "`model.optimizers[player].learning_rate` in a callback."
            )


def checked_data(model, arguments: Mapping) -> dict:
    """Looks at what `fit` or `evaluate` is given to learn from or to measure.

    Values outside of [-1, 1] are named once, in a warning; those of a data set as they come by.

    Args:
        model: `TranslationModel`.
        arguments: As `fit_arguments` returns them.

    Returns:
        `arguments`, where a data set is one that is watched.

    Raises:
        ValueError: If there are weights of examples, or images of whole numbers.

    Example:
        >>> from tfpix2pix.models import TranslationModel
        >>> inputs = keras.Input((2,))
        >>> player = keras.Model(inputs, keras.layers.Dense(1)(inputs))
        >>> model = TranslationModel({"a": player}, ["a_size"], translators=("a",), name="one")
        >>> checked_data(model, {"x": tf.zeros((1, 2, 2, 3), "uint8")})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: Images are float in [-1, 1]. Received: ...
    """
    weights = [n for n in ("sample_weight", "class_weight") if arguments.get(n) is not None]
    if weights:
        raise InputError(
            f"All examples count alike. Received: {' and '.join(weights)}. Leave it out, and "
            "repeat the examples that should count more."
        )
    if isinstance(held_out := arguments.get("validation_data"), (tuple, list)):
        checked_data(model, dict(zip(("x", "y", "sample_weight"), held_out)))
    elif held_out is not None:
        checked_data(model, {"x": held_out})
    x = arguments.get("x")
    if isinstance(x, tf.data.Dataset):
        _named(model, x.element_spec)
        return {**arguments, "x": x.map(_watching(model))}
    if isinstance(x, keras.utils.Sequence):
        batch = x[0]
    elif hasattr(x, "shape"):
        y = arguments.get("y")
        batch = (x,) if y is None else (x, y)
    else:  # Others show their batches only by giving them away.
        return dict(arguments)
    warned = []
    for name, images in _named(model, batch).items():
        _warn_once(name, images[:LOOKED_AT], warned)
    return dict(arguments)


def _named(model, batch):
    """Returns the images of a batch by their names, without maps of ids; refuses integers."""
    try:
        named = model.images(batch)
        named = {name: images for name, images in named.items() if name not in model.ids}
        types = {name: tf.as_dtype(images.dtype) for name, images in named.items()}
    except (AttributeError, TypeError, ValueError) as error:
        count = len(batch) if isinstance(batch, (tuple, list)) else 1
        raise InputError(
            f"Batches hold the images that `{type(model).__name__}` learns from and nothing else, "
            f"such as weights. Received: {count} parts. See `help({type(model).__name__})`."
        ) from error
    for name, dtype in types.items():
        if dtype.is_integer:
            raise InputError(
                f"Images are float in [-1, 1]. Received: {name} of {dtype.name}. "
                "`tfpix2pix.data.images.to_signed` makes it of pixels."
            )
    return named


def _watching(model):
    """Returns a function that passes batches on, and warns of the first out of range."""
    warned = []

    def watch(*batch):
        whole = batch if len(batch) > 1 else batch[0]
        for name, images in _named(model, whole).items():
            outside = tf.reduce_any(tf.abs(images) > BOUND)

            def warn(name=name, images=images):
                tf.py_function(lambda values: _warn_once(name, values, warned), [images], [])
                return True

            tf.cond(outside, warn, lambda: False)
        return whole

    return tf.autograph.experimental.do_not_convert(watch)


def _warn_once(name, images, warned):
    low, high = float(tf.reduce_min(images)), float(tf.reduce_max(images))
    if warned or max(-low, high) <= BOUND:
        return
    warned.append(name)
    warnings.warn(
        f"Images are float in [-1, 1]. Received: {name} with values from {low:g} to {high:g}. "
        "`tfpix2pix.data.images.to_signed(pixels, (0, 255))` makes it of pixels up to 255.",
        stacklevel=2,
    )


def _arguments(given, names):
    return ", ".join(f"{name}={_shown(given[name])}" for name in names)


def _shown(value):
    text = repr(value)
    return text if len(text) <= 60 and " object at 0x" not in text else type(value).__name__
