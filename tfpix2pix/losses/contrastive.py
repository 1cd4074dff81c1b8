"""Contrastive losses: a place of a translation is to resemble the same place of its source most."""

import tensorflow as tf

EPSILON = 1e-7  # The reference's, added to lengths.


def patch_nce(queries, keys, *, temperature: float = 0.07):
    """Returns how hard it is to tell which key belongs to a query, among all keys of its image.

    It is the cross entropy of the cosine similarities with all keys over the temperature. The
    reference lists the own key first and puts -10 in its place among the others, a similarity that
    no float32 sum sees at its temperature.

    Args:
        queries: float `[batch, patches, units]`, vectors of the translation.
        keys: float `[batch, patches, units]`, those of the same places of the source. No gradient
            goes through them.
        temperature: What similarities are divided by; less of it punishes the nearest others more.

    Returns:
        float32 `[batch]`, the mean over patches; log of their number for keys that are all alike.

    Example:
        >>> vectors = tf.reshape(tf.eye(4), (1, 4, 4))
        >>> patch_nce(vectors, tf.ones((1, 4, 2)) @ tf.ones((1, 2, 4))).numpy().tolist()
        [1.386294...]

    Reference:
        [Park et al., 2020](https://arxiv.org/abs/2007.15651), equations 2 and 3.
    """
    queries = _directions(queries)
    keys = tf.stop_gradient(_directions(keys)) * (1.0 / temperature)
    logits = tf.matmul(queries, keys, transpose_b=True)
    batch, patches, _ = tf.unstack(tf.shape(logits))
    own = tf.repeat(tf.range(patches)[tf.newaxis], batch, axis=0)
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(own, logits)
    return tf.reduce_mean(entropy, axis=1)


def _directions(vectors):
    """Divides vectors by their lengths; what is shorter than EPSILON has no direction: 0.

    Its gradient would be the more than a million times of others. Where no filter of a small
    network answers, such as in flat areas, vectors are 0.
    """
    vectors = tf.cast(vectors, "float32")
    squares = tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True)
    has_direction = squares > EPSILON**2
    lengths = tf.sqrt(tf.where(has_direction, squares, 1.0))
    return vectors * tf.where(has_direction, 1.0 / (lengths + EPSILON), 0.0)
