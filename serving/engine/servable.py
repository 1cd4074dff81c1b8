"""One version of a model, run exactly as TensorFlow Serving runs it."""

import math
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Optional, Union

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.python.client import pywrap_tf_session

UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
FAILED_PRECONDITION = 9
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DEFAULT_SIGNATURE = "serving_default"
# NumPy type -> field of TensorProto (tensorflow/core/framework/tensor.proto).
TYPED_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "bool": "bool_val",
    "object": "string_val",
}
MOST_PADDING = 2**26  # Bytes that a tensor may take beyond those of its message.
LONGEST_MESSAGE = 1024  # Characters of an error.
FLOAT_VAL_TAG = b"\x2a"  # Field 5, length-delimited: a packed field.


def cut(message):
    """Cuts the text of an error as TensorFlow Serving does (model_servers/grpc_status_util.cc).

    Args:
        message: str.

    Returns:
        str of at most 1024 characters, and a suffix where it was longer.

    Example:
        >>> len(cut("x" * 2000)), cut("short")
        (1036, 'short')
    """
    return (
        message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "...TRUNCATED"
    )


class ServingError(Exception):
    """A request fails.

    Attributes:
        code: Number of the gRPC status, which is also TensorFlow's.
        message: What TensorFlow Serving answers.
    """

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message


class Servable:
    """A loaded SavedModel.

    TensorFlow Serving loads with the TF1 loader and calls the C function `TF_SessionRun`. So does
    this class, by a private method of the session, because every public way answers otherwise:
    `Session.run` casts inputs silently, eager signatures word their errors differently.

    Args:
        version: Folder of the SavedModel.
        scheduler: `serving.engine.batching.Scheduler` that joins requests; without one each runs
            by itself.

    Attributes:
        signatures: Dict of name to `SignatureDef`.
        batcher: `serving.engine.batching.Batcher`, `None` without a scheduler.

    Raises:
        ServingError: If the folder holds no SavedModel that loads.
    """

    def __init__(self, version: Union[str, Path], scheduler=None):
        self.batcher = None if scheduler is None else scheduler.batcher(self._run)
        if not (Path(version) / "saved_model.pb").exists():
            raise ServingError(
                NOT_FOUND,
                "Could not find SavedModel .pb or .pbtxt at supplied export directory path: "
                f"{version}. Check that the directory exists and that you have the right "
                "permissions for accessing it.",
            )
        with tf.Graph().as_default():
            self._session = tf.compat.v1.Session()
            try:
                with without_deprecation_notes():
                    loaded = tf.compat.v1.saved_model.loader.load(
                        self._session, ["serve"], str(version)
                    )
            except tf.errors.OpError as error:
                self.close()
                raise ServingError(error.error_code, error.message) from error
            except Exception as error:  # The loader checks files by Python's own errors.
                self.close()
                raise ServingError(UNKNOWN, str(error)) from error
        self.signatures = dict(loaded.signature_def)
        self._compiled = _compiled(loaded.graph_def.library)

    def close(self):
        """Frees the session and what it holds, once what waits for a batch has run."""
        if self.batcher is not None:
            self.batcher.close()
        self._session.close()

    def predict(self, signature_name: str, inputs, output_filter, seconds: Optional[float] = None):
        """Runs a signature; all checks in the order of TensorFlow Serving's predict_util.cc.

        Args:
            signature_name: Name of the signature; empty for `serving_default`.
            inputs: Map of alias to `TensorProto`.
            output_filter: Aliases of the outputs wanted; empty for all.
            seconds: Time allowed, or `None`.

        Returns:
            `(signature_name, outputs)`: the name in use, and a dict of alias to `np.ndarray`.

        Raises:
            ServingError: With the code and text of TensorFlow Serving.
        """
        signature_name = signature_name or DEFAULT_SIGNATURE
        if signature_name not in self.signatures:
            raise ServingError(
                FAILED_PRECONDITION, f'Serving signature key "{signature_name}" not found.'
            )
        signature = self.signatures[signature_name]
        feeds = self._feeds(signature, inputs)
        fetches = self._fetches(signature, output_filter)
        self._require_not_compiled(signature)
        # 0 is no limit; a deadline that has already passed counts as none, as in Serving. A request
        # without one has 300 billion years by gRPC, which is more than a session takes.
        timed = seconds is not None and 0 < seconds <= threading.TIMEOUT_MAX
        milliseconds = int(1000 * seconds) if timed else 0
        if self.batcher is None:
            return signature_name, self._run(feeds, fetches, milliseconds)
        queue = (signature_name, frozenset(fetches))
        return signature_name, self.batcher.predict(queue, feeds, fetches, milliseconds)

    def _run(self, feeds, fetches, milliseconds):
        options = tf.compat.v1.RunOptions(timeout_in_ms=milliseconds)
        buffer = pywrap_tf_session.TF_NewBufferFromString(options.SerializeToString())
        try:
            values = self._session._call_tf_sessionrun(
                buffer, feeds, list(fetches.values()), [], None
            )
        except tf.errors.OpError as error:
            raise ServingError(error.error_code, error.message) from error
        finally:
            pywrap_tf_session.TF_DeleteBuffer(buffer)
        return dict(zip(fetches, values))

    def _feeds(self, signature, inputs):
        expected = sorted(signature.inputs)
        sent = sorted(inputs)
        defaults = signature.defaults
        if len(sent) > len(expected) or (len(sent) < len(expected) and not defaults):
            raise ServingError(
                INVALID_ARGUMENT,
                f"input size does not match signature: {len(sent)}!={len(expected)} "
                f"len({_braced(sent)}) != len({_braced(expected)}). "
                f"Sent extra: {_braced(set(sent) - set(expected))}. "
                f"Missing but required: {_braced(set(expected) - set(sent))}.",
            )
        feeds = {}
        for alias in expected:
            name = signature.inputs[alias].name
            if alias not in inputs and alias not in defaults:
                raise ServingError(
                    INVALID_ARGUMENT,
                    f"Signature input alias: {alias}(feed name: {name}) not found in request and "
                    "no default value provided. Inputs expected to be in the request "
                    f"{_braced(sent)}, or default input alias set: {','.join(sorted(defaults))}",
                )
            proto = inputs[alias] if alias in inputs else defaults[alias]
            try:
                array = feeds[self._tensor(name)] = _array(proto)
            except (TypeError, ValueError) as error:
                raise ServingError(INVALID_ARGUMENT, f"tensor parsing error: {alias}") from error
            _require_rank_of_images(signature.inputs[alias], array)
        used = [alias for alias in sent if alias in expected]
        if used != sent:
            raise ServingError(
                INVALID_ARGUMENT,
                "Inputs contains invalid name. Used request inputs: "
                f"{','.join(used)}, request input: {','.join(sent)}",
            )
        return feeds

    def _fetches(self, signature, output_filter):
        fetches = {}
        for alias in output_filter or sorted(signature.outputs):
            if alias not in signature.outputs:
                raise ServingError(
                    INVALID_ARGUMENT,
                    f"output tensor alias not found in signature: {alias} Outputs expected to be "
                    f"in the set {_braced(signature.outputs)}.",
                )
            if alias in fetches:
                raise ServingError(INVALID_ARGUMENT, f"duplicate output tensor alias: {alias}")
            name = signature.outputs[alias].name
            if ":" not in name:  # The operation that initializes the model is in its signatures.
                raise ServingError(
                    INVALID_ARGUMENT,
                    f"Tried to fetch data for '{name}', which produces no output.  To run to a "
                    f"node but not fetch any data, pass '{name}' as an argument to the "
                    "'target_node_names' argument of the Session::Run API.",
                )
            fetches[alias] = self._tensor(name)
        return fetches

    def _tensor(self, name):
        return self._session.graph.get_tensor_by_name(name)._as_tf_output()

    def _require_not_compiled(self, signature):
        # TensorFlow Serving switches XLA off in the whole process; here others may need it.
        for output in signature.outputs.values():
            operation = self._session.graph.get_operation_by_name(output.name.split(":")[0])
            if _called(operation.node_def) & self._compiled:
                raise ServingError(INTERNAL, "XLA compilation disabled")


@contextmanager
def without_deprecation_notes():
    """Drops TensorFlow's notes that functions are deprecated, within a block.

    TensorFlow Serving loads and warms up by the functions of TensorFlow 1; a user can change none.
    """

    def is_other(record):
        return "is deprecated" not in record.getMessage()

    logger = tf.get_logger()
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def typed_tensor(array):
    """Encodes an array as TensorFlow Serving 2.15 does: never in `tensor_content`.

    Args:
        array: `np.ndarray` of numbers, or of bytes objects.

    Returns:
        `TensorProto`.

    Example:
        >>> typed_tensor(np.array([1.5], "float32")).float_val
        [1.5]
    """
    proto = tensor_pb2.TensorProto(
        dtype=tf.as_dtype(array.dtype).as_datatype_enum,
        tensor_shape=tf.TensorShape(array.shape).as_proto(),
    )
    if array.dtype == np.float32:
        # The array's bytes behind their length are a packed field as it stands; filling the field
        # from a list takes hundreds of times as long.
        content = array.astype("<f4").tobytes()
        proto.MergeFromString(FLOAT_VAL_TAG + _varint(len(content)) + content)
    else:
        getattr(proto, TYPED_FIELDS[array.dtype.name]).extend(array.ravel().tolist())
    return proto


def _called(node):
    return {value.func.name for value in node.attr.values() if value.HasField("func")}


def _compiled(library):
    """Names the functions that XLA must compile, or that call such."""
    compiled = {f.signature.name for f in library.function if f.attr["_XlaMustCompile"].b}
    calls = {f.signature.name: set().union(*map(_called, f.node_def)) for f in library.function}
    while callers := {name for name in calls if calls[name] & compiled} - compiled:
        compiled |= callers
    return compiled


def _array(proto):
    """Decodes a tensor, whose last value stands for all that the message leaves out.

    Values beyond its shape are passed over. Unlike TensorFlow Serving it refuses to make gigabytes
    of a few bytes.
    """
    count = math.prod(dim.size for dim in proto.tensor_shape.dim)
    fields = {field for field in TYPED_FIELDS.values() if len(getattr(proto, field)) > count >= 0}
    if fields:
        proto = type(proto).FromString(proto.SerializeToString())
        for field in fields:
            del getattr(proto, field)[count:]
    size = max(map(len, proto.string_val), default=0) + np.dtype("int64").itemsize
    held = len(proto.string_val) or proto.ByteSize()  # Of numbers this many at most.
    if size * (count - held) > MOST_PADDING:
        raise ValueError("A message must hold the values of its tensor.")
    return tf.make_ndarray(proto)


def _require_rank_of_images(tensor, array):
    # oneDNN's convolution ends the whole process where TensorFlow's own answers so.
    if len(tensor.tensor_shape.dim) == 4 != array.ndim:
        shape = ",".join(map(str, array.shape))
        raise ServingError(INVALID_ARGUMENT, f"convolution input must be 4-dimensional: [{shape}]")


def _braced(aliases):
    return "{" + ",".join(sorted(aliases)) + "}"


def _varint(number):
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
