"""The InceptionV3 features by which FID and KID compare images."""

import hashlib
from pathlib import Path
from typing import Callable, Optional, Union

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError

SIDE = 299  # Pixels of the images that InceptionV3 was trained with.
WEIGHTS = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


def inception_features(weights: Optional[Union[str, Path]] = None) -> Callable:
    """Returns Keras' InceptionV3 as a function from images to its pooled features.

    Images are resized to 299 pixels, bilinear with antialiasing. The networks of the FID's authors,
    of TF-GAN and of pytorch-fid have other weights and pooling: do not compare FID and KID by this
    network with theirs.

    Args:
        weights: Path of a file of weights, `.h5`, of `keras.applications.InceptionV3` without its
            top. By default the one in the Keras cache, `~/.keras/models`. Nothing is downloaded.

    Returns:
        Function of float `[batch, height, width, 3]` in [-1, 1] to float32 `[batch, 2048]`. Its
        `__name__` ends in the first digits of the SHA-256 of the weights.

    Raises:
        InputError: If there is no such file, or it has other weights.

    Example:
        >>> inception_features("missing.h5")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: The weights of InceptionV3 are read from a file, ...

    Reference:
        [Szegedy et al., 2016](https://arxiv.org/abs/1512.00567).
    """
    path = Path(weights or Path.home() / ".keras/models" / WEIGHTS)
    if not path.is_file():
        raise InputError(
            f"The weights of InceptionV3 are read from a file, not downloaded. Received: {path}, "
            f"which is no file. Put {WEIGHTS} of Keras Applications there; "
            "`keras.applications.InceptionV3(include_top=False)` fetches it into ~/.keras/models."
        )
    network = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg")
    try:
        network.load_weights(path)
    except (OSError, ValueError) as error:
        raise InputError(
            "The weights must be those of Keras' InceptionV3 without its top, in HDF5. Received: "
            f"{path}: {str(error).rstrip('.')}. Use {WEIGHTS} of Keras Applications."
        ) from error

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))], autograph=False)
    def pooled(images):
        return network(tf.image.resize(images, (SIDE, SIDE), antialias=True), training=False)

    def features(images):
        if images.shape[-1] != 3:
            raise InputError(
                "InceptionV3 takes images of 3 channels, RGB. Received: "
                f"{images.shape[-1]} channels. Repeat the one, or take 3 at a time."
            )
        return pooled(tf.cast(images, "float32"))

    features.__name__ = f"inception_v3_{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"
    return features
