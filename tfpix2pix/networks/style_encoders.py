"""Style encoders: codes of what images look like, beside what they show, while networks grow."""

from tensorflow import keras

from tfpix2pix.networks.growth import SMALLEST, GrowingLayers, TwinNetworks, phase_names

NAME = "style_encoder"


def style_encoders(options: TwinNetworks, length: int, channels: int = 3) -> dict[str, keras.Model]:
    """Returns the style encoder of each phase: from images to a vector each, without norms.

    A norm would take away what images look like: mean and deviation of their features.

    Args:
        options: `TwinNetworks`.
        length: Of the vectors.
        channels: Of the images.

    Returns:
        Dict of `phase_names` to a functional `keras.Model` with open sides of images to float
        `[batch, length]`.

    Raises:
        ValueError: If the size is no power of 2 from 4 on.

    Example:
        >>> import tensorflow as tf
        >>> encoders = style_encoders(TwinNetworks(8, base_filters=8), 5)
        >>> encoders["8 fade"](tf.zeros((2, 8, 8, 3))).shape
        TensorShape([2, 5])

    Reference:
        [Huang et al., 2018](https://arxiv.org/abs/1804.04732), section 5.1.
    """
    layers = GrowingLayers(options, NAME)
    # He's: there are no norms after which weights of any size would do.
    start = {"deviation": 0.0}
    encoders = {}
    for phase in phase_names(options.size):
        image = keras.Input((None, None, channels), name="image")
        x = layers.condensed(image, phase, **start)
        x = layers.plain_unit(x, options.filters(SMALLEST), name="head_first", **start)
        x = layers(keras.layers.GlobalAveragePooling2D, keepdims=True, name="head_mean")(x)
        x = layers.convolve(x, length, 1, name="head_style", **start)
        code = layers(keras.layers.Flatten, name="head_code")(x)
        encoders[phase] = keras.Model(image, code, name=NAME)
    return encoders
