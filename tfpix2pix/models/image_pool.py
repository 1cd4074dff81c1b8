"""The pool of earlier translations that keeps a discriminator from forgetting them."""

import tensorflow as tf

from tfpix2pix.errors import InputError


class ImagePool(tf.Module):
    """The last translations that were kept, half of which a discriminator sees again.

    Until it is full, each image is kept and comes back as it is. Then by even chance either the
    image comes back and the pool stays as it is, or one that was kept, in whose place the new one
    stays.

    Under several replicas each has a pool of its own; a checkpoint holds the first one's, from
    which all go on.

    Args:
        size: Number of images; 0 for none, then all images come back as they are.
        image_shape: `(height, width, channels)` of each.

    Attributes:
        images: float32 variable `[size, height, width, channels]`.
        count: int32 variable, how many there are.

    Raises:
        ValueError: If the size is negative.

    Example:
        >>> pool = ImagePool(2, (4, 4, 3))
        >>> pool.exchange(tf.ones((1, 4, 4, 3)), tf.random.Generator.from_seed(0)).shape
        TensorShape([1, 4, 4, 3])
        >>> int(pool.count)
        1

    Reference:
        [Zhu et al., 2017](https://arxiv.org/abs/1703.10593), section 4, after Shrivastava et al.
    """

    def __init__(self, size: int, image_shape: tuple[int, int, int]):
        super().__init__()
        if size < 0:
            raise InputError(f"`size` must be at least 0. Received: size={size}. 0 keeps none.")
        self.size = size
        # Each replica keeps what it has translated itself.
        own = {
            "trainable": False,
            "synchronization": tf.VariableSynchronization.ON_READ,
            "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA,
        }
        self.images = tf.Variable(tf.zeros((size, *image_shape)), **own)
        self.count = tf.Variable(0, dtype="int32", **own)

    def exchange(self, images, noise: tf.random.Generator):
        """Gives images to the pool, and returns as many.

        Args:
            images: float `[batch, height, width, channels]`.
            noise: Where chance comes from.

        Returns:
            The shape and dtype of `images`, without gradients.

        Raises:
            ValueError: If the images have another shape than those of the pool.
        """
        images = tf.stop_gradient(images)
        if not self.size:
            return images
        if not images.shape[1:].is_compatible_with(self.images.shape[1:]):
            raise InputError(
                f"Images of the pool have the shape {tuple(self.images.shape[1:])}. Received: "
                f"{tuple(images.shape[1:])}. Train on images of one size, or with a pool of size 0."
            )
        batch = tf.shape(images)[:1]
        exchanged = tf.map_fn(
            lambda one: self._exchange_one(*one),
            (
                tf.cast(images, "float32"),
                noise.uniform(batch) < 0.5,
                noise.uniform(batch, maxval=self.size, dtype="int32"),
            ),
            fn_output_signature="float32",
            parallel_iterations=1,
        )
        return tf.cast(tf.ensure_shape(exchanged, images.shape), images.dtype)

    def _exchange_one(self, image, coin, slot):
        is_full = self.count == self.size
        slot = tf.where(is_full, slot, self.count)
        kept = tf.raw_ops.ResourceGather(
            resource=self.images.handle, indices=slot, dtype=self.images.dtype
        )
        enters = tf.logical_or(coin, tf.logical_not(is_full))
        # By the handle, since variables that each replica has for itself take no slices.
        tf.raw_ops.ResourceScatterUpdate(
            resource=self.images.handle, indices=slot, updates=tf.where(enters, image, kept)
        )
        self.count.assign(tf.minimum(self.count + 1, self.size))
        return tf.where(tf.logical_and(coin, is_full), kept, image)
