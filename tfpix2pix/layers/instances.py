"""Instances: what networks see of maps of ids: boundaries between them, and means over each."""

import numpy as np
import tensorflow as tf
from tensorflow import keras


@keras.utils.register_keras_serializable("tfpix2pix")
class InstanceBoundaries(keras.layers.Layer):
    """Where the id of a pixel differs from one of its four neighbours; the border is no boundary.

    Call: int or float `[batch, height, width, 1]`, ids, to float of the same shape, 0 or 1.

    Attributes:
        reach: How many rows beyond its own a row looks at.

    Example:
        >>> InstanceBoundaries()(tf.constant([[[[7], [7], [9], [9]]]])).numpy().ravel().tolist()
        [0.0, 1.0, 1.0, 0.0]

    Reference:
        [Wang et al., 2018](https://arxiv.org/abs/1711.11585), section 3.3.
    """

    reach = 1

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})  # Half precision has no large ids.

    def call(self, inputs):
        """Compares each pixel with the one below and the one on its right, for both."""
        ids = inputs if inputs.dtype.is_integer else tf.cast(inputs, "int32")
        below = ids[:, 1:] != ids[:, :-1]
        right = ids[:, :, 1:] != ids[:, :, :-1]
        is_boundary = (
            tf.pad(below, ((0, 0), (0, 1), (0, 0), (0, 0)))
            | tf.pad(below, ((0, 0), (1, 0), (0, 0), (0, 0)))
            | tf.pad(right, ((0, 0), (0, 0), (0, 1), (0, 0)))
            | tf.pad(right, ((0, 0), (0, 0), (1, 0), (0, 0)))
        )
        return tf.cast(is_boundary, self.compute_dtype)


@keras.utils.register_keras_serializable("tfpix2pix")
class InstanceMean(keras.layers.Layer):
    """The mean of maps over each instance of each image, at all of its pixels.

    Call: `[x, ids]`, float `[batch, height, width, channels]` and int or float `[batch, height,
    width, 1]`, to the shape of x.

    Attributes:
        needs_whole_maps: `True`, since an instance may be anywhere.

    Example:
        >>> x = tf.constant([[[[1.0], [3.0], [8.0]]]])
        >>> InstanceMean()([x, tf.constant([[[[4], [4], [2]]]])]).numpy().ravel().tolist()
        [2.0, 2.0, 8.0]

    Reference:
        [Wang et al., 2018](https://arxiv.org/abs/1711.11585), section 3.4.
    """

    needs_whole_maps = True

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})

    def call(self, inputs):
        """Averages over the pixels of each pair of image and id."""
        x, ids = inputs
        ids = tf.cast(ids[..., 0], "int64")
        image = tf.range(tf.shape(ids, "int64")[0])[:, tf.newaxis, tf.newaxis]
        # Ids are below 2 ** 31.
        _, places = tf.unique(tf.reshape(image * 2**31 + ids, (-1,)))
        pixels = tf.cast(tf.reshape(x, (-1, x.shape[-1])), "float32")
        means = tf.math.unsorted_segment_mean(pixels, places, tf.size(places))
        return tf.cast(tf.reshape(tf.gather(means, places), tf.shape(x)), self.compute_dtype)


@keras.utils.register_keras_serializable("tfpix2pix")
class AppearanceLookup(keras.layers.Layer):
    """The features of each pixel: a centroid of its class, by number or by chance.

    Args:
        centroids: For each class a list of vectors, the most frequent first; of classes that
            have none, the features are 0.
        **kwargs: Those of `keras.layers.Layer`.

    Call: `[source, ids, numbers]`: float `[batch, height, width, classes]`, the greatest in the
    channel of a pixel's class (of a single class any channels), and int `[batch, height, width, 1]`
    twice. A number n >= 0 is the n-th centroid, counted on from the first after the last; by n < 0
    each instance has one by chance, another by each n. Gives float `[batch, height, width,
    features]`.

    Example:
        >>> layer = AppearanceLookup([[[0.0], [0.25]], [[0.5]]])
        >>> source = tf.one_hot([[[0, 0, 1]]], 2)
        >>> ids = tf.constant([[[[4], [4], [2]]]])
        >>> numbers = tf.constant([[[[0], [3], [7]]]])
        >>> layer([source, ids, numbers]).numpy().ravel().tolist()
        [0.0, 0.25, 0.5]

    Reference:
        [Wang et al., 2018](https://arxiv.org/abs/1711.11585), section 3.4.
    """

    reach = 0

    def __init__(self, centroids, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        self.centroids = [[list(map(float, vector)) for vector in rows] for rows in centroids]
        most = max(1, *map(len, self.centroids))
        length = max((len(vector) for rows in self.centroids for vector in rows), default=1)
        table = np.zeros((len(self.centroids), most, length), "float32")
        for number, rows in enumerate(self.centroids):
            table[number, : len(rows)] = np.reshape(rows, (len(rows), length))
        self._table = table
        self._counts = np.maximum([len(rows) for rows in self.centroids], 1).astype("int64")

    def call(self, inputs):
        """Looks up by class and number."""
        source, ids, numbers = inputs
        classes = tf.argmax(source, axis=-1)
        if len(self._counts) == 1:
            classes = tf.zeros_like(classes)
        numbers = tf.cast(numbers[..., 0], "int64")
        ids = tf.cast(ids[..., 0], "int64")
        # Primes below 2 ** 16 mix instances and numbers; any mixture would do.
        mixed = (ids % 65_521 * 40_503 + numbers % 65_521 * 30_011 + 12_345) % 65_521
        mixed = (mixed * mixed + 7 * mixed) % 65_519
        chosen = tf.where(numbers < 0, mixed, numbers) % tf.gather(self._counts, classes)
        vectors = tf.gather_nd(self._table, tf.stack([classes, chosen], axis=-1))
        return tf.cast(vectors, self.compute_dtype)

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        return {**super().get_config(), "centroids": self.centroids}


@keras.utils.register_keras_serializable("tfpix2pix")
class FeatureChoice(keras.layers.Layer):
    """Features of a photo where there is one, else others.

    Call: `[others, features, photo]`, float `[batch, height, width, channels]`, to the shape of the
    first two: the features where the photo's first channel is at least -1.

    Example:
        >>> photo = tf.constant([[[[-2.0], [0.0]]]])
        >>> made = FeatureChoice()([tf.zeros((1, 1, 2, 1)), tf.ones((1, 1, 2, 1)), photo])
        >>> made.numpy().ravel().tolist()
        [0.0, 1.0]
    """

    reach = 0

    def call(self, inputs):
        """Chooses for each pixel."""
        others, features, photo = inputs
        others, features = (tf.cast(x, self.compute_dtype) for x in (others, features))
        return tf.where(photo[..., :1] >= -1.0, features, others)
