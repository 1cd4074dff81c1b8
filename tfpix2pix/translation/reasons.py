"""Why a file was not translated, in a line."""

import re
from typing import Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.inference.windows import check_strips

SMALLER = "Use a smaller `size`."
# What TensorFlow and oneDNN say where they get no memory, among the lines of a graph.
_SHORTAGE = re.compile(r"OOM when allocating tensor with shape\S+|could not create a primitive")
# What a graph refuses by itself, in front of the name of its operation.
_REFUSAL = re.compile(r"assertion failed: \[(.*?)\] ?\[\[\{\{node")


def reason_of(error: Exception, cure: str = SMALLER) -> str:
    """Says why a file was not translated; of a lack of memory also what helps.

    Args:
        error: What was raised.
        cure: What helps against a lack of memory, see `memory_cure`.

    Example:
        >>> reason_of(MemoryError("Unable to allocate 68.7 MiB"))
        'there is too little memory for it: Unable to allocate 68.7 MiB. Use a smaller `size`.'
        >>> fault = "assertion failed: [No image. Received:] [0] [Send one.] [[{{node Assert}}]]"
        >>> reason_of(tf.errors.InvalidArgumentError(None, None, fault))
        'No image. Received: 0. Send one.'
    """
    text = " ".join(str(error).split())
    if refusal := _REFUSAL.search(text):
        return re.sub(r"\] \[(?=[A-Z])", ". ", refusal[1]).replace("] [", " ")
    shortage = _SHORTAGE.search(text)
    reason = (shortage[0] if shortage else text[:300]) or type(error).__name__
    if shortage or isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return f"there is too little memory for it: {reason.rstrip('.')}. {cure}"
    return reason


def memory_cure(network: keras.Model, strip: Optional[int]) -> str:
    """Says what helps where memory lacks for an image.

    Args:
        network: `keras.Model` that translates.
        strip: Rows that are computed at once; `None` for all.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> memory_cure(unet_generator((None, None, 3), depth=2, base_filters=4), None)
        'Set `strip` to 64 rows, or use a smaller `size`.'
    """
    if strip is not None:
        return SMALLER
    try:
        check_strips(network)
    except InputError:
        return SMALLER
    return "Set `strip` to 64 rows, or use a smaller `size`."
