"""The control of a style: a code, by which one image has many translations."""

from __future__ import annotations

from tfpix2pix.lazily import inference, tf

NAME = "style"
MOST = 3.0  # Of a number of a code; one in 400 is drawn beyond.


def control(length: int) -> inference.Control:
    """Returns the control of a style's code, which chance draws from N(0, 1).

    Args:
        length: Of the code.

    Returns:
        `tfpix2pix.inference.Control`. Its neutral value is 1 and -1 in turns, a code of the mean
        length: that of zeros would be none of those that the networks know.

    Example:
        >>> one = control(3)
        >>> one.neutral(tf.zeros((1, 8, 8, 3))).numpy().tolist()
        [[1.0, -1.0, 1.0]]
        >>> one.sample((7, 0), tf.zeros((2, 8, 8, 3))).shape
        TensorShape([2, 3])
    """
    typical = [1.0 - 2.0 * (number % 2) for number in range(length)]

    def repeated(code, source):
        return tf.repeat(code, tf.shape(source)[0], axis=0)

    def neutral(source):
        return repeated(tf.constant([typical]), source)

    def sample(seed, source):
        return repeated(tf.random.stateless_normal((1, length), seed), source)

    about = {
        "kind": "numbers",
        "title": "Style",
        "range": [-MOST, MOST],
        "default": typical,
    }
    return inference.Control(NAME, tf.TensorSpec((length,)), neutral, about, sample)
