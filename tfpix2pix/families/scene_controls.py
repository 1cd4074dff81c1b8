"""Controls of scenes: instances, the appearance of each, and a photo to take appearances of."""

from __future__ import annotations

from tfpix2pix.lazily import inference, tf

NO_PHOTO = -2.0  # Below all pixels.
MOST_DRAWN = 2**15  # Seeds of appearances by chance.


def instances(has_labels: bool) -> inference.Control:
    """Returns the control of maps of instances; by default all pixels of a class are one.

    Args:
        has_labels: Whether sources are label maps.

    Returns:
        `tfpix2pix.inference.Control`.

    Example:
        >>> source = tf.constant([[[[-1.0, 1.0]]]])
        >>> instances(True).neutral(source).numpy().tolist()
        [[[[1]]]]
    """

    def neutral(source):
        if has_labels:
            return tf.argmax(source, axis=-1, output_type="int32")[..., tf.newaxis]
        return tf.zeros_like(source[..., :1], "int32")

    about = {"kind": "map", "title": "Instances", "range": [0, 2**31 - 1]}
    return inference.Control("instances", tf.TensorSpec((None, None, 1), tf.int32), neutral, about)


def appearance(clusters: int) -> inference.Control:
    """Returns the control of the appearance of each pixel's instance, by number or by chance.

    Args:
        clusters: How many appearances a class has, at most.

    Returns:
        `tfpix2pix.inference.Control`; its values are numbers of
        `tfpix2pix.layers.AppearanceLookup`.

    Example:
        >>> appearance(2).about["names"]
        ['appearance 1', 'appearance 2']
    """

    def neutral(source):
        return tf.zeros_like(source[..., :1], "int32")

    def sample(seed, source):
        return neutral(source) + tf.random.stateless_uniform(
            (1, 1, 1, 1), seed, -MOST_DRAWN, 0, "int32"
        )

    names = [f"appearance {number + 1}" for number in range(clusters)]
    about = {"kind": "map", "title": "Appearance", "names": names}
    about["range"] = [-MOST_DRAWN, clusters - 1]
    spec = tf.TensorSpec((None, None, 1), tf.int32)
    return inference.Control("appearance", spec, neutral, about, sample)


def photo(channels: int) -> inference.Control:
    """Returns the control of a photo whose instances' appearances a translation gets.

    Args:
        channels: Channels of the photo.

    Returns:
        `tfpix2pix.inference.Control`.

    Example:
        >>> photo(3).neutral(tf.zeros((1, 2, 2, 5))).shape
        TensorShape([1, 2, 2, 3])
    """

    def neutral(source):
        return tf.fill((*tf.unstack(tf.shape(source)[:3]), channels), NO_PHOTO)

    about = {"kind": "image", "title": "Appearance of a photo", "range": [-1.0, 1.0]}
    return inference.Control("photo", tf.TensorSpec((None, None, channels)), neutral, about)
