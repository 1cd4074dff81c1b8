"""Frozen networks of files, by whose features a perceptual loss compares images."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Union

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError

VGG19 = "vgg19"
VGG19_WEIGHTS = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
# The first convolutions of its blocks, behind their ReLU.
VGG19_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))


class PerceptualFeatures:
    """The features of a frozen network, which is read from its file when it is first needed.

    So a model that was trained with it translates on machines without the file.

    Args:
        file: "vgg19" for Keras' VGG19, with the weights in the Keras cache, `~/.keras/models`; path
            of such weights, `.h5`, of `keras.applications.VGG19` without its top; or path of any
            model that Keras loads, of images in [-1, 1] to one tensor of features or several.
            Nothing is downloaded.

    Example:
        >>> images = keras.Input((None, None, 3))
        >>> features = keras.layers.Conv2D(4, 3)(images)
        >>> keras.Model(images, features).save("features.keras")
        >>> (layer,) = PerceptualFeatures("features.keras")(tf.zeros((1, 8, 8, 3)))
        >>> layer.shape
        TensorShape([1, 6, 6, 4])

    Reference:
        [Simonyan and Zisserman, 2015](https://arxiv.org/abs/1409.1556).
    """

    def __init__(self, file: Union[str, Path]):
        self.path = Path.home() / ".keras/models" / VGG19_WEIGHTS if file == VGG19 else Path(file)

    @cached_property
    def network(self) -> keras.Model:
        """The frozen network.

        Raises:
            ValueError: If there is no such file, or it holds no such network.
        """
        if not self.path.exists():
            raise InputError(
                "The network of a perceptual loss is read from a file, not downloaded. Received: "
                f"{self.path}, where there is none. Put {VGG19_WEIGHTS} of Keras Applications "
                "there (`keras.applications.VGG19(include_top=False)` fetches it into "
                "~/.keras/models), or train without `perceptual`."
            )
        # Outside of the graph of a step that asks first.
        with tf.init_scope():
            try:
                network = self._read()
            except (ImportError, OSError, TypeError, ValueError) as error:
                raise InputError(
                    "The network of a perceptual loss must be weights of Keras' VGG19 without its "
                    "top, .h5, or a model that Keras loads. Received: "
                    f"{self.path}: {' '.join(str(error).split())[:200].rstrip('.')}. Replace it."
                ) from error
        network.trainable = False
        return network

    def _read(self):
        if self.path.suffix != ".h5":
            return keras.models.load_model(self.path, compile=False)
        vgg19 = keras.applications.VGG19(include_top=False, weights=None)
        vgg19.load_weights(self.path)
        images = keras.Input((None, None, 3))
        pixels = keras.layers.Rescaling(127.5, 127.5)(images)
        taps = keras.Model(vgg19.input, [vgg19.get_layer(name).output for name in VGG19_LAYERS])
        return keras.Model(images, taps(keras.applications.vgg19.preprocess_input(pixels)))

    @cached_property
    def name(self) -> str:
        """The name of the file with the first digits of its SHA-256, if it is a single one."""
        if not self.path.is_file():
            return self.path.name
        return f"{self.path.name} {hashlib.sha256(self.path.read_bytes()).hexdigest()[:8]}"

    def __call__(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Returns the features of images.

        Args:
            images: float `[batch, height, width, 3]` in [-1, 1].

        Returns:
            List of float `[batch, height, width, channels]`, from the first layer to the last.

        Raises:
            ValueError: If the network takes images of other channels.
        """
        channels = self.network.input_shape[-1]
        if channels not in (None, images.shape[-1]):
            raise InputError(
                "The network of a perceptual loss must take the images that are made. Received: "
                f"{self.path.name} of {channels} channels for images of {images.shape[-1]}. Use "
                "another, or train without `perceptual`."
            )
        return tf.nest.flatten(self.network(images, training=False))
