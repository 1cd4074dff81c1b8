"""Vectors of images: what is known of those of some domains, of which networks are told a part."""

from typing import NamedTuple

import tensorflow as tf


class DomainVectors(NamedTuple):
    """The vectors of attributes that images of some domains have.

    Attributes:
        domains: Names of these domains; batches end with a batch of vectors of each.
        lengths: How many places of a vector each attribute has.
        dropout: How often an attribute of an image is left out in training.

    Example:
        >>> DomainVectors(("B",), (3, 2)).length
        5
    """

    domains: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    dropout: float = 0.0

    @property
    def length(self) -> int:
        """Length of a vector."""
        return sum(self.lengths)

    def dropped(self, vectors, noise):
        """Leaves out attributes at random.

        Args:
            vectors: float `[batch, length]`.
            noise: float `[batch, attributes]` in [0, 1); what is below `dropout` is left out.

        Returns:
            float `[batch, length]`, 0 where an attribute is left out.

        Example:
            >>> known = DomainVectors(("B",), (1, 2), 0.5)
            >>> known.dropped(tf.constant([[1.0, 2.0, 3.0]]), [[0.7, 0.2]]).numpy().tolist()
            [[1.0, 0.0, 0.0]]
        """
        kept = tf.cast(tf.convert_to_tensor(noise) >= self.dropout, vectors.dtype)
        return vectors * tf.repeat(kept, self.lengths, axis=-1)


NO_VECTORS = DomainVectors()
