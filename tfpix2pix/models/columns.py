"""Columns of the sample picture, which the training doctor looks at too."""

from typing import Callable, NamedTuple, Optional

import tensorflow as tf


class Column(NamedTuple):
    """A column of the sample picture, which the training doctor looks at too.

    Attributes:
        role: `"source"`, `"translation"`, `"target"`, `"reconstruction"` (there and back), or
            `"identity"` (what the direction back makes of a source, which is to be the same). Or
            what stands beside them: `"variant"`, another translation, such as without controls;
            `"instances"`, ids; `"mask"`, from 0, black, to 1; or `"hints"`, shown on their sources,
            with their mask as the last channel, above 0 where there is a hint.
        direction: Name of the direction whose task makes pixels of it.
        images: float32 `[batch, height, width, channels]` in [-1, 1]; translations, targets and
            hints as the direction's network gives them, others as it takes them; ids int32
            `[batch, height, width, 1]`.
        source: The sources that translations, targets and hints belong to.
        reference: Of translations without targets: real images of what they are to look like.
        restore: Of reconstructions: function of any translations of the direction to theirs.

    Example:
        >>> Column("source", "translate", tf.zeros((1, 8, 8, 3))).source is None
        True
    """

    role: str
    direction: str
    images: tf.Tensor
    source: Optional[tf.Tensor] = None
    reference: Optional[tf.Tensor] = None
    restore: Optional[Callable] = None
