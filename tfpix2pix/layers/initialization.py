"""Initializers of kernels: those of the reference code, with another seed for every layer."""

import zlib

from tensorflow import keras


def derived_seed(seed: int, name: str) -> int:
    """Returns the seed of one layer of a network.

    Layers of one shape and one seed would start with equal weights.

    Args:
        seed: Seed of the network.
        name: Name of the layer.

    Returns:
        int in [0, 2**31).

    Example:
        >>> derived_seed(0, "down1_conv") != derived_seed(0, "down2_conv")
        True
    """
    return zlib.crc32(f"{seed}/{name}".encode()) % 2**31


def kernel_initializer(kind: str, gain: float, seed: int) -> keras.initializers.Initializer:
    """Builds the initializer of a kernel.

    Args:
        kind: `"normal"`: N(0, gain), the paper's with 0.02. `"xavier"`: N(0, gain² 2 / (inputs +
            outputs)). `"kaiming"`: N(0, 2 / inputs). `"orthogonal"`: orthogonal rows times gain.
        gain: Standard deviation or factor, as above; `"kaiming"` has none.
        seed: Seed of the layer.

    Returns:
        A `keras.initializers.Initializer`.

    Example:
        >>> kernel_initializer("normal", 0.02, seed=0).stddev
        0.02

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 6.2; the others are the
        options of pytorch-CycleGAN-and-pix2pix.
    """
    if kind == "normal":
        return keras.initializers.RandomNormal(0.0, gain, seed=seed)
    if kind == "orthogonal":
        return keras.initializers.Orthogonal(gain, seed=seed)
    scale, mode = (gain**2, "fan_avg") if kind == "xavier" else (2.0, "fan_in")
    # PyTorch's normal distribution has tails; Keras' default is truncated.
    return keras.initializers.VarianceScaling(scale, mode, "untruncated_normal", seed=seed)
