"""Initializers: the paper's Gaussian, with a seed of its own for every layer."""

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


def gaussian(seed, name):
    """Returns N(0, 0.02) for the kernel of layer `name` (Isola et al., 2017, section 6.2).

    Example:
        >>> gaussian(0, "down1_conv").stddev
        0.02
    """
    return keras.initializers.RandomNormal(0.0, 0.02, seed=derived_seed(seed, name))
