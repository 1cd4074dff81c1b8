"""bfloat16 on processors: TensorFlow's rewrite of graphs, which leaves weights in float32."""

import functools
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Union

from tfpix2pix.errors import InputError
from tfpix2pix.lazily import tf

AUTO_BFLOAT16 = "auto_bfloat16"
MIXED_BFLOAT16 = "mixed_bfloat16"
GraphPrecision = Literal["float32", "auto_bfloat16"]
FLAGS = ("avx512_bf16", "amx_bf16")
REWRITE = "auto_mixed_precision_onednn_bfloat16"


@functools.cache
def processor_flags(cpuinfo: Union[str, Path] = "/proc/cpuinfo") -> frozenset[str]:
    """Returns what this processor can do, in the words of Linux.

    Args:
        cpuinfo: File in which Linux says so.

    Returns:
        frozenset of str, such as `"avx2"`; empty on other systems.

    Example:
        >>> processor_flags("no-such-file")
        frozenset()
    """
    path = Path(cpuinfo)
    lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
    found = (line.partition(":")[2].split() for line in lines if line.startswith("flags"))
    return frozenset(next(found, ()))


def check_bfloat16(flags: Collection[str], *, gpus: int = 0, onednn: bool = True) -> None:
    """Refuses `auto_bfloat16` where it would change nothing, or make it slower.

    Args:
        flags: What the processor can do, see `processor_flags`.
        gpus: How many GPUs TensorFlow computes on.
        onednn: Whether TensorFlow computes by oneDNN.

    Raises:
        ValueError: If there are GPUs, the processor does not compute in bfloat16, or not by oneDNN.

    Example:
        >>> check_bfloat16({"avx512f", "avx512_bf16"})
        >>> check_bfloat16({"avx512f"})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: bfloat16 is for processors with avx512_bf16 or amx_bf16. ...
    """
    if gpus:
        raise InputError(
            f"This bfloat16 is that of processors. Received: {gpus} GPU{'s' if gpus > 1 else ''}. "
            "Use float32, the default; to train on GPUs, mixed_float16 or mixed_bfloat16."
        )
    if not set(FLAGS) & set(flags):
        received = "one without" if flags else "one that does not tell what it has"
        raise InputError(
            f"bfloat16 is for processors with {' or '.join(FLAGS)}. Received: {received}. Use "
            "float32, the default."
        )
    if not onednn:
        raise InputError(
            "bfloat16 is computed by oneDNN. Received: a TensorFlow without it. Remove "
            "TF_ENABLE_ONEDNN_OPTS from the environment."
        )


def check_precision(precision: str) -> None:
    """Refuses what this machine does not train by: `auto_bfloat16`, or `mixed_bfloat16`.

    Args:
        precision: Any; others than these two pass.

    Raises:
        ValueError: As `check_bfloat16`, or if a processor is to train by Keras' `mixed_bfloat16`.

    Example:
        >>> check_precision("float32")
    """
    gpus = len(tf.config.get_visible_devices("GPU"))
    if precision == MIXED_BFLOAT16 and not gpus:
        raise InputError(
            f"{MIXED_BFLOAT16} is for GPUs: a processor ends sums of a bias's gradients at 512. "
            f"Received: no GPU. Use {AUTO_BFLOAT16} where the processor has bfloat16, or float32."
        )
    if precision == AUTO_BFLOAT16:
        check_bfloat16(
            processor_flags(),
            gpus=gpus,
            onednn=os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() not in ("0", "false"),
        )


def is_rewritten() -> bool:
    """Returns whether graphs that are traced now will be rewritten to bfloat16.

    Returns:
        bool.

    Example:
        >>> is_rewritten()
        False
    """
    return bool(tf.config.optimizer.get_experimental_options().get(REWRITE, False))


@contextmanager
def graph_precision(precision: GraphPrecision = "float32") -> Iterator[None]:
    """Lets graphs that run within compute in bfloat16 where TensorFlow deems it safe.

    `"auto_bfloat16"` has oneDNN compute convolutions and matrix products, and what lies between
    them, in bfloat16. Keras' layers, variables, losses, optimizers and all results of a graph
    stay float32, and so does what runs eagerly. Any other precision, such as the name of a Keras
    policy, changes nothing. The same function computes in float32 again outside of the block.
    TensorFlow's setting is that of the process: threads that call functions for the first time
    within the block compute in bfloat16 too, sessions that are made within it keep it, and blocks
    of several threads must not overlap.

    Args:
        precision: What networks compute in; auto_bfloat16 is faster on processors that have
            bfloat16.

    Yields:
        Nothing.

    Raises:
        ValueError: As `check_bfloat16`, of this machine.

    Example:
        >>> double = tf.function(lambda x: 2.0 * x)
        >>> with graph_precision("float32"):
        ...     double(tf.constant(1.5)).dtype
        tf.float32
    """
    check_precision(precision)
    if precision != AUTO_BFLOAT16:
        yield
        return
    before = is_rewritten()
    tf.config.optimizer.set_experimental_options({REWRITE: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({REWRITE: before})
