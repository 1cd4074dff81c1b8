"""Initializers: those of the reference code, with a seed of its own for every layer."""

import zlib

from tensorflow import keras


def derived_seed(seed, name):
    """Returns the seed of the layer `name` in a network seeded by `seed`, an int below 2**31.

    Layers that share one seeded initializer would start with equal weights, so each gets its own.

    Example:
        >>> derived_seed(0, "down1_conv") != derived_seed(0, "down2_conv")
        True
    """
    return zlib.crc32(f"{seed}/{name}".encode()) % 2**31


def kernel_initializer(kind, gain, seed):
    """Returns the initializer of a kernel.

    Args:
        kind: `"normal"`: N(0, gain), the paper's with 0.02. `"xavier"`: N(0, gain² 2 / (inputs +
            outputs)). `"kaiming"`: N(0, 2 / inputs). `"orthogonal"`: orthogonal rows times gain.
        gain: float.
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
    # PyTorch draws from the whole normal distribution, Keras by default from a truncated one.
    scale, mode = (gain**2, "fan_avg") if kind == "xavier" else (2.0, "fan_in")
    return keras.initializers.VarianceScaling(scale, mode, "untruncated_normal", seed=seed)
