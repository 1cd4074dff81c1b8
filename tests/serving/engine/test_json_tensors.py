import base64
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo

from serving.engine.json_tensors import parse, read_inputs, write_outputs
from serving.engine.servable import ServingError


def read(content, **dtypes):
    """Returns the arrays that a request has for inputs of the given types."""
    expected = {
        alias: TensorInfo(dtype=getattr(tf, t).as_datatype_enum) for alias, t in dtypes.items()
    }
    content, _ = parse(json.dumps(content).encode())
    inputs, by_row = read_inputs(content, expected)
    assert by_row is ("instances" in content)
    return {alias: tf.make_ndarray(tensor) for alias, tensor in inputs.items()}


def refusal(call, *arguments, **options):
    with pytest.raises(ServingError) as caught:
        call(*arguments, **options)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    "dtype",
    ["float32", "float64", "int8", "uint8", "int16", "int32", "int64", "uint32", "uint64", "bool"],
)
def test_numbers_come_back_as_numpy_has_them(dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    for content in ({"instances": array.tolist()}, {"inputs": array.tolist()}):
        (received,) = read(content, x=dtype).values()
        assert received.dtype == array.dtype
        np.testing.assert_array_equal(received, array)
    written = json.loads(write_outputs({"y": array}, by_row=True))
    assert written == {"predictions": array.tolist()}


def test_several_inputs_come_by_row_and_by_column():
    rows = [{"x": [1.5, 2], "n": 7}, {"x": [3, 4], "n": 8}]
    received = read({"instances": rows}, x="float32", n="int64")
    np.testing.assert_array_equal(received["x"], np.array([[1.5, 2], [3, 4]], "float32"))
    np.testing.assert_array_equal(received["n"], np.array([7, 8]))
    received = read({"inputs": {"x": [[1.5, 2]], "n": [7, 8, 9]}}, x="float32", n="int64")
    assert (received["x"].shape, received["n"].shape) == ((1, 2), (3,))
    assert read({"inputs": 5}, x="int32")["x"].shape == ()


def test_strings_are_texts_or_base64():
    file = bytes(range(256))
    encoded = {"b64": base64.b64encode(file).decode()}
    for content in (
        {"instances": [encoded, "Zürich", {"b64": "aQ"}]},
        {"inputs": [encoded, "Zürich", {"b64": "aQ=="}]},
    ):
        received = read(content, x="string")["x"]
        assert received.tolist() == [file, "Zürich".encode(), b"i"]
    assert read({"inputs": {"b64": "aQ=="}}, x="string")["x"].tolist() == b"i"


def test_outputs_that_end_in_bytes_are_base64_and_others_texts():
    outputs = {
        "a_bytes": np.array([b"\xff\x00", b""], object),
        "text": np.array(["é".encode(), b"x"], object),
        "y": np.array([[0.1, 1.0], [np.inf, 3e-5]], "float32"),
    }
    rows = [
        {"a_bytes": {"b64": "/wA="}, "text": "é", "y": [0.1, 1.0]},
        {"a_bytes": {"b64": ""}, "text": "x", "y": [np.inf, 3e-5]},
    ]
    assert json.loads(write_outputs(outputs, by_row=True)) == {"predictions": rows}
    columns = {name: [row[name] for row in rows] for name in outputs}
    assert json.loads(write_outputs(outputs, by_row=False)) == {"outputs": columns}


def test_floats_are_written_with_the_digits_that_they_need():
    array = np.random.default_rng(0).standard_normal(1000).astype("float32")
    written = write_outputs({"y": array}, by_row=True)
    np.testing.assert_array_equal(np.array(json.loads(written)["predictions"], "float32"), array)
    assert max(map(len, json.dumps(json.loads(written)["predictions"]).split(", "))) <= 15


INVALID, UNIMPLEMENTED = 3, 12
BODIES = {
    b"": "JSON Parse error: The document is empty",
    b"{": "JSON Parse error: Expecting property name enclosed in double quotes at offset: 1",
    b"[1]": "JSON Value: [\n    1\n] Is not object",
    b'{"signature_name": 1}': 'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. '
    "'signature_name' key must be a string value.",
    b"["
    * 100_000: "JSON Parse error: maximum recursion depth exceeded while decoding a JSON array "
    "from a unicode string",
}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:10].decode())
def test_bodies_that_are_no_request_are_refused(body):
    assert refusal(parse, body) == (INVALID, BODIES[body])


FIRST = "Failed to process element: "
REFUSALS = [
    ({}, "Missing 'inputs' or 'instances' key"),
    (
        {"inputs": 1, "instances": [1]},
        'JSON Value: {\n    "inputs": 1,\n    "instances": [\n        1\n    ]\n} Not formatted '
        "correctly expecting only one of 'inputs' or 'instances' keys to exist ",
    ),
    (
        {"instances": 1},
        "JSON Value: {\n    \"instances\": 1\n} Excepting 'instances' to be an list/array",
    ),
    (
        {"instances": []},
        "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
    ),
    (
        {"instances": ["a"]},
        FIRST + "0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"a\" Type: String is "
        "not of expected type: float",
    ),
    ({"inputs": [None]}, "JSON Value: null Type: Null is not of expected type: float"),
    ({"inputs": [True]}, "JSON Value: true Type: True is not of expected type: float"),
    (
        {"inputs": [{"b64": "aQ=="}]},
        'JSON Value: {\n    "b64": "aQ=="\n} Type: Object is not of expected type: float',
    ),
    (
        {"inputs": [2**24]},
        "Cannot convert JSON value: 16777216 to float without loss of precision.",
    ),
    ({"inputs": [1e39]}, "Cannot convert JSON value: 1e+39 to float without loss of precision."),
    (
        {"inputs": [[1, 2], [3]]},
        "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
    ),
    (
        {"inputs": [[1, 2], 3]},
        "JSON Value: 3 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
    ),
    ({"inputs": [1, [2]]}, "Encountered list at unexpected level: 1 expected < 1"),
    (
        {"instances": [[1, 2], [3]]},
        FIRST + "1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: "
        "1",
    ),
    (
        {"instances": [[[1, 2]], [[1], [2]]]},
        FIRST + "1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [1,2] but got: "
        "[2,1]",
    ),
    (
        {"instances": [{"x": 1}, 2]},
        "Expecting object but got list at item 1 of input list",
    ),
    (
        {"instances": [1, {"x": 1}]},
        "Expecting value/list but got object at item 1 of input list",
    ),
    (
        {"instances": [{"y": 1}]},
        FIRST + "0 key: y of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have "
        "named input: y",
    ),
    (
        {"instances": [{"x": 1}, {}]},
        FIRST + "1 of 'instances' list. JSON object: {} keys must be equal to: x",
    ),
    ({"inputs": {"y": 1}}, "Missing named input: x in 'inputs' object."),
]


@pytest.mark.parametrize(("content", "text"), REFUSALS)
def test_requests_are_refused_with_the_text_of_tensorflow_serving(content, text):
    assert refusal(read, content, x="float32") == (INVALID, text)


def test_other_types_have_refusals_of_their_own():
    text = "JSON Value: 2147483648 Type: Number is not of expected type: uint8"
    assert refusal(read, {"inputs": [2**31]}, x="uint8") == (INVALID, text)
    text = "JSON Value: 1.0 Type: Number is not of expected type: int64"
    assert refusal(read, {"inputs": [1.0]}, x="int64") == (INVALID, text)
    assert refusal(read, {"inputs": {"b64": "!"}}, x="string") == (
        INVALID,
        "Unable to base64 decode",
    )
    text = 'JSON Value: {\n    "c": 1\n} not formatted correctly for base64 data'
    assert refusal(read, {"inputs": [{"c": 1}]}, x="string") == (INVALID, text)
    text = "Conversion of JSON Value: 1 to type: half"
    assert refusal(read, {"inputs": [1]}, x="float16") == (UNIMPLEMENTED, text)
    for key, form in (("instances", "list"), ("inputs", "value/list")):
        text = (
            f"{key} is a plain {form}, but expecting {'list of objects' * (form == 'list')}"
            f"{'an object' * (form != 'list')} as multiple input tensors required as per "
            "tensorinfo_map"
        )
        assert refusal(read, {key: [1]}, x="float32", y="float32") == (INVALID, text)


def test_rows_are_wanted_of_outputs_that_are_batches():
    text = "Tensor name: b has inconsistent batch size: 3 expecting: 2"
    assert refusal(write_outputs, {"a": np.zeros(2), "b": np.zeros(3)}, True) == (INVALID, text)
    text = "Tensor name: a has no shape information "
    assert refusal(write_outputs, {"a": np.array(1.0)}, True) == (INVALID, text)
    assert write_outputs({"a": np.array(1.0)}, False) == '{"outputs": 1.0}'
