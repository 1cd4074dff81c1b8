"""The JSON of TensorFlow Serving's REST API, turned into tensors and back (util/json_tensor.cc)."""

import base64
import binascii
import json
from itertools import chain

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from serving.engine.servable import INVALID_ARGUMENT, UNIMPLEMENTED, ServingError

# Type -> (largest whole number that it holds with all smaller ones, largest number).
FLOATS = {
    types_pb2.DT_FLOAT: (2**24 - 1, float(np.finfo("float32").max)),
    types_pb2.DT_DOUBLE: (2**53 - 1, float(np.finfo("float64").max)),
}
# Type -> (smallest, largest) that is taken; TensorProto keeps all small types as int32.
INTEGERS = {
    **dict.fromkeys(
        (types_pb2.DT_INT32, types_pb2.DT_INT16, types_pb2.DT_INT8, types_pb2.DT_UINT8),
        (-(2**31), 2**31 - 1),
    ),
    types_pb2.DT_INT64: (-(2**63), 2**63 - 1),
    types_pb2.DT_UINT32: (0, 2**32 - 1),
    types_pb2.DT_UINT64: (0, 2**64 - 1),
}
JSON_TYPES = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
JSON_NAMES = {None: "Null", False: "False", True: "True"}


def parse(body):
    """Reads the body of a request.

    Args:
        body: Bytes of a JSON object.

    Returns:
        `(content, signature_name)`: a dict, and the name in it, empty where there is none.

    Raises:
        ServingError: If it is something else.
    """
    if not body:
        raise _invalid("JSON Parse error: The document is empty")
    try:
        content = json.loads(body)
    except json.JSONDecodeError as error:
        raise _invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except (ValueError, RecursionError) as error:  # No UTF-8, a huge number; nested too deeply.
        raise _invalid(f"JSON Parse error: {error}") from error
    if not isinstance(content, dict):
        raise _invalid(f"JSON Value: {_text(content)} Is not object")
    signature_name = content.get("signature_name", "")
    if not isinstance(signature_name, str):
        raise _invalid(
            f"JSON Value: {_text(content)} not formatted correctly. 'signature_name' key must be "
            "a string value."
        )
    return content, signature_name


def read_inputs(content, expected):
    """Turns a request into tensors.

    Args:
        content: Dict with either `instances`, a list of rows, or `inputs`, by column.
        expected: The signature's map of alias to `TensorInfo`.

    Returns:
        `(inputs, by_row)`: a dict of alias to `TensorProto`, and whether it came in rows.

    Raises:
        ServingError: With the code and text of TensorFlow Serving.
    """
    if not ("instances" in content or "inputs" in content):
        raise _invalid("Missing 'inputs' or 'instances' key")
    if "instances" not in content:
        return _columns(content["inputs"], expected), False
    rows = content["instances"]
    if "inputs" in content:
        flaw = (
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    elif not isinstance(rows, list):
        flaw = "Excepting 'instances' to be an list/array"
    elif not rows:
        flaw = "No values in 'instances' array"
    else:
        return _rows(rows, expected), True
    raise _invalid(f"JSON Value: {_text(content)} {flaw}")


def write_outputs(outputs, by_row):
    """Turns tensors into the body of an answer.

    Args:
        outputs: Dict of alias to `np.ndarray`; what ends in `_bytes` is written as base64.
        by_row: Whether the request came in rows.

    Returns:
        JSON; a single output has no name in it.

    Raises:
        ServingError: If rows are wanted of outputs that are no batches of one size.

    Example:
        >>> write_outputs({"output": np.array([0.1, 2.0], "float32")}, by_row=True)
        '{"predictions": [0.1, 2.0]}'
    """
    if by_row:
        _check_batches(outputs)
    values = {alias: _listed(alias, array) for alias, array in outputs.items()}
    if len(values) == 1:
        (answer,) = values.values()
    elif by_row:
        answer = [dict(zip(values, row)) for row in zip(*values.values())]
    else:
        answer = values
    return json.dumps({"predictions" if by_row else "outputs": answer})


def _rows(rows, expected):
    named = _is_named(rows[0])
    if not isinstance(rows[0], dict) and len(expected) > 1:
        raise _invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    columns = {alias: _Column(info.dtype) for alias, info in expected.items()}
    for index, row in enumerate(rows):
        if _is_named(row) is not named:
            wanted, got = ("object", "list") if named else ("value/list", "object")
            raise _invalid(f"Expecting {wanted} but got {got} at item {index} of input list")
        place = f"Failed to process element: {index}"
        for alias, value in (row if named else {min(expected): row}).items():
            try:
                if alias not in columns:
                    raise _invalid(f"JSON object: does not have named input: {alias}")
                columns[alias].append(value)
            except ServingError as error:
                key = f" key: {alias}" if named else ""
                text = f"{place}{key} of 'instances' list. Error: INVALID_ARGUMENT: {error.message}"
                raise _invalid(text) from error
        if named and set(row) != set(expected):
            raise _invalid(
                f"{place} of 'instances' list. JSON object: {_text(row)} keys must be equal to: "
                + ",".join(sorted(expected))
            )
    return {alias: column.tensor(len(rows)) for alias, column in columns.items()}


def _columns(value, expected):
    if not _is_named(value):
        if len(expected) > 1:
            raise _invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        value = {alias: value for alias in expected}
    tensors = {}
    for alias, info in sorted(expected.items()):
        if alias not in value:
            raise _invalid(f"Missing named input: {alias} in 'inputs' object.")
        column = _Column(info.dtype)
        column.append(value[alias])
        tensors[alias] = column.tensor()
    return tensors


class _Column:
    """Values of one shape, that of the first."""

    def __init__(self, dtype):
        self._dtype = dtype
        self._shape = None
        self._leaves = []

    def append(self, value):
        """Adds nested lists."""
        shape = []
        first = value
        while isinstance(first, list):
            shape.append(len(first))
            first = first[0] if first else None
        leaves = [_converted(leaf, self._dtype) for leaf in _flattened(value, shape)]
        if self._shape is None:
            self._shape = shape
        elif len(leaves) != np.prod(self._shape, dtype=int):
            size = np.prod(self._shape, dtype=int)
            raise _invalid(f"Expecting tensor size: {size} but got: {len(leaves)}")
        elif shape != self._shape:
            wanted, got = (str(shape).replace(" ", "") for shape in (self._shape, shape))
            raise _invalid(f"Expecting shape {wanted} but got: {got}")
        self._leaves += leaves

    def tensor(self, *batch):
        """Returns the `TensorProto` of all values, in a batch or as a single one."""
        dtype = tf.as_dtype(self._dtype).as_numpy_dtype
        # Numbers beyond a small type wrap, as they do in TensorProto.
        wide = "int64" if self._dtype != types_pb2.DT_UINT64 and self._dtype in INTEGERS else dtype
        array = np.array(self._leaves, wide).astype(dtype)
        return tf.make_tensor_proto(array.reshape((*batch, *self._shape)))


def _flattened(value, shape):
    values = [value]
    rank = len(shape)
    for level, size in enumerate(shape):
        for item in values:
            if not isinstance(item, list):
                raise _invalid(
                    f"JSON Value: {_text(item)} found at incorrect level: {level + 1} in the JSON "
                    f"DOM. Expected at level: {rank}"
                )
            if len(item) != size:
                raise _invalid(
                    f"Encountered list at unexpected size: {len(item)} at level: {level} expected "
                    f"size: {size}"
                )
        values = list(chain.from_iterable(values))
    if any(isinstance(item, list) for item in values):
        raise _invalid(f"Encountered list at unexpected level: {rank} expected < {rank}")
    return values


def _converted(leaf, dtype):
    kind = type(leaf)
    if dtype in FLOATS and kind in (int, float):
        largest_integer, largest = FLOATS[dtype]
        if abs(leaf) > (largest_integer if kind is int else largest) and abs(leaf) != np.inf:
            raise _invalid(
                f"Cannot convert JSON value: {_text(leaf)} to {_name(dtype)} without loss of "
                "precision."
            )
        return leaf
    if dtype in INTEGERS and kind is int and INTEGERS[dtype][0] <= leaf <= INTEGERS[dtype][1]:
        return leaf
    if dtype == types_pb2.DT_BOOL and kind is bool:
        return leaf
    if dtype == types_pb2.DT_STRING and kind is str:
        return leaf.encode("utf-8", "surrogatepass")
    if dtype == types_pb2.DT_STRING and kind is dict:
        return _decoded(leaf)
    if dtype not in (*FLOATS, *INTEGERS, types_pb2.DT_BOOL, types_pb2.DT_STRING):
        text = f"Conversion of JSON Value: {_text(leaf)} to type: {_name(dtype)}"
        raise ServingError(UNIMPLEMENTED, text)
    raise _invalid(
        f"JSON Value: {_text(leaf)} Type: {JSON_TYPES.get(kind) or JSON_NAMES[leaf]} is not of "
        f"expected type: {_name(dtype)}"
    )


def _decoded(value):
    if _is_named(value):
        raise _invalid(f"JSON Value: {_text(value)} not formatted correctly for base64 data")
    try:
        # White space is skipped, and the padding may be missing, as in TensorFlow Serving.
        text = b"".join(value["b64"].encode("ascii").split())
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid("Unable to base64 decode") from error


def _is_named(value):
    """Tells whether a value has a name for each input, and is no base64 object."""
    is_base64 = isinstance(value, dict) and [*value] == ["b64"] and isinstance(value["b64"], str)
    return isinstance(value, dict) and not is_base64


def _check_batches(outputs):
    size = None
    for alias, array in outputs.items():
        if array.ndim == 0:
            raise _invalid(f"Tensor name: {alias} has no shape information ")
        if size not in (None, len(array)):
            raise _invalid(
                f"Tensor name: {alias} has inconsistent batch size: {len(array)} expecting: {size}"
            )
        size = len(array)


def _listed(alias, array):
    if array.dtype == np.float32:  # The fewest digits that tell it from its neighbours.
        return array.astype("U").astype("float64").tolist()
    if array.dtype == object:
        return _strings(array.tolist(), alias.endswith("_bytes"))
    return array.tolist()


def _strings(value, as_base64):
    if isinstance(value, list):
        return [_strings(item, as_base64) for item in value]
    if as_base64:
        return {"b64": base64.b64encode(value).decode("ascii")}
    return value.decode("utf-8", "replace")


def _text(value):
    return json.dumps(value, indent=4, ensure_ascii=False)


def _name(dtype):
    return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()


def _invalid(text):
    return ServingError(INVALID_ARGUMENT, text)
