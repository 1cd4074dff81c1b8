"""Why a file was not translated, in a line."""

import tensorflow as tf

# What oneDNN says where it gets no memory.
_NO_PRIMITIVE = "could not create a primitive"


def reason_of(error: Exception) -> str:
    """Says why a file was not translated; of a lack of memory also what helps.

    Args:
        error: What was raised.

    Example:
        >>> reason_of(MemoryError("Unable to allocate 68.7 MiB"))
        'there is too little memory for it: Unable to allocate 68.7 MiB. Use a smaller `size`.'
    """
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    of_memory = isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError))
    if of_memory or _NO_PRIMITIVE in reason:
        return f"there is too little memory for it: {reason.rstrip('.')}. Use a smaller `size`."
    return reason
