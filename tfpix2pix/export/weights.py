"""Weights as an export stores them: as networks have them, or rounded to half the bytes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError

DTYPES = ("float32", "float16")
LARGEST = float(np.finfo("float16").max)


class StoredWeights:
    """The weights of networks, as an export stores them.

    Of `"float16"` every float32 weight that is an attribute of a layer is stored as a float16
    variable; the graph casts it, and computes in float32.

    Args:
        networks: `keras.Model`s; they may share weights.
        dtype: `"float32"` or `"float16"`.

    Attributes:
        variables: List of the variables that are stored, each once.

    Raises:
        ValueError: If it is another dtype, or a weight is too large for it.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> stored = StoredWeights([generator], "float16")
        >>> {variable.dtype.name for variable in stored.variables}
        {'float16'}
    """

    def __init__(self, networks: Sequence[keras.Model], dtype: str = "float32"):
        if dtype not in DTYPES:
            raise InputError(
                f"`weights` must be one of {', '.join(DTYPES)}. Received: {dtype!r}. Choose one."
            )
        weights = {id(weight): weight for network in networks for weight in network.weights}
        self._halves = {}  # The identity of a weight to the variable in its place.
        self._places = {}  # The same to the layer and the attribute that hold it.
        if dtype == "float16":
            for layer in {id(x): x for network in networks for x in network.submodules}.values():
                for name, value in vars(layer).items():
                    if id(value) in weights and value.dtype == tf.float32:
                        self._places.setdefault(id(value), []).append((layer, name))
            self._halves = {key: _half(weights[key]) for key in self._places}
        self._weights = weights
        self.variables = [self._halves.get(key, weight) for key, weight in weights.items()]

    @contextmanager
    def read(self, network: keras.Model) -> Iterator[None]:
        """Lets a network read what is stored, in the graph that is traced within a block."""
        keys = [id(weight) for weight in network.weights if id(weight) in self._halves]
        places = [(key, *place) for key in keys for place in self._places[key]]
        casts = {key: tf.cast(self._halves[key], "float32") for key in keys}
        try:
            for key, layer, name in places:
                vars(layer)[name] = casts[key]  # Not by `setattr`: Keras would note a new weight.
            yield
        finally:
            for key, layer, name in places:
                vars(layer)[name] = self._weights[key]

    @contextmanager
    def rounded(self) -> Iterator[None]:
        """Gives networks the values that are stored, within a block."""
        exact = {key: self._weights[key].numpy() for key in self._halves}
        try:
            for key, half in self._halves.items():
                self._weights[key].assign(half.numpy().astype("float32"))
            yield
        finally:
            for key, values in exact.items():
                self._weights[key].assign(values)


def _half(weight):
    values = weight.numpy()
    largest = float(np.abs(values).max(initial=0.0))
    if not largest <= LARGEST:
        raise InputError(
            f"float16 holds numbers up to {LARGEST:.0f}. Received: one of {largest:.6g} in "
            f"{weight.name!r}. Store the weights as float32."
        )
    return tf.Variable(values.astype("float16"), trainable=False, name=weight.name.split(":")[0])
