"""The error for input that breaks a rule; every package of ours may import it."""


class InputError(ValueError):
    """Input that breaks a rule. The message states the rule, what was received and the cure.

    Programs print it as one paragraph; any other exception is a fault of ours and keeps its
    traceback.

    Example:
        >>> raise InputError("`depth` must be at least 2. Received: depth=1. Use 2 or more.")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: `depth` must be at least 2. Received: depth=1. Use 2 or more.
    """
