"""Vectors by which images are made: what is known of those of some domains, and codes of styles."""

from typing import NamedTuple

import tensorflow as tf


class DomainVectors(NamedTuple):
    """The vectors of a generator: attributes that images of some domains have, then a style's code.

    Attributes:
        domains: Names of these domains; batches end with a batch of attributes of each.
        lengths: How many places each attribute has.
        dropout: How often an attribute of an image is left out in training.
        codes: Length of the code of a style; 0 for none.

    Example:
        >>> DomainVectors(("B",), (3, 2), codes=8).whole
        13
    """

    domains: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    dropout: float = 0.0
    codes: int = 0

    @property
    def length(self) -> int:
        """Length of the attributes."""
        return sum(self.lengths)

    @property
    def whole(self) -> int:
        """Length of the whole vector; 0 of a generator that takes none."""
        return self.length + self.codes

    def dropped(self, known, noise):
        """Leaves out attributes at random.

        Args:
            known: float `[batch, length]`.
            noise: float `[batch, attributes]` in [0, 1); what is below `dropout` is left out.

        Returns:
            float `[batch, length]`, 0 where an attribute is left out.

        Example:
            >>> vectors = DomainVectors(("B",), (1, 2), 0.5)
            >>> vectors.dropped(tf.constant([[1.0, 2.0, 3.0]]), [[0.7, 0.2]]).numpy().tolist()
            [[1.0, 0.0, 0.0]]
        """
        kept = tf.cast(tf.convert_to_tensor(noise) >= self.dropout, known.dtype)
        return known * tf.repeat(kept, self.lengths, axis=-1)

    def joined(self, count, known=None, style=None):
        """Returns whole vectors, of which 0 is what is not said.

        Args:
            count: How many images there are.
            known: float `[batch, length]`.
            style: float `[batch, codes]`.

        Returns:
            float `[batch, whole]`, or `None` of a generator that takes none.

        Example:
            >>> DomainVectors(codes=2).joined(1, style=tf.constant([[3.0, 4.0]])).numpy().tolist()
            [[3.0, 4.0]]
            >>> DomainVectors(("B",), (1,), codes=2).joined(1).numpy().tolist()
            [[0.0, 0.0, 0.0]]
        """
        parts = []
        for part, length in ((known, self.length), (style, self.codes)):
            if length:
                parts.append(
                    tf.zeros((count, length)) if part is None else tf.cast(part, "float32")
                )
        return tf.concat(parts, -1) if parts else None


NO_VECTORS = DomainVectors()
