"""How requests are joined, as a file says it."""

import os
import re
from pathlib import Path

import pytest

from serving.engine.batching_parameters import BatchingParameters, read_batching_parameters
from tfpix2pix import InputError

DEPLOYED = Path(__file__).parents[3] / "serving/deploy/config/batching_parameters.pbtxt"
NO_MESSAGE = (
    "The file must be a BatchingParameters of TensorFlow Serving, as text. Received: {path}: "
)
SIZES = "max_batch_size { value: 4 } allowed_batch_sizes: "
IN_ORDER = (
    "allowed_batch_sizes entries must be positive and monotonically increasing. Received: {} in "
    "{{path}}. Write them in order, each once."
)
LAST = (
    "Last entry in allowed_batch_sizes must match max_batch_size; last entry was {}; expected {}. "
    "Received: {{path}}. Write the same number for both."
)
LEAST = (
    "`{0}` must be at least {1}. Received: {2} in {{path}}. Write {0} {{{{ value: {1} }}}} or more."
)
REFUSED = {
    "max_batch_size { value: 0 }": LEAST.format("max_batch_size", 1, 0),
    "max_batch_size {}": LEAST.format("max_batch_size", 1, 0),
    "batch_timeout_micros { value: -1 }": LEAST.format("batch_timeout_micros", 0, -1),
    "max_enqueued_batches { value: 0 }": LEAST.format("max_enqueued_batches", 1, 0),
    "num_batch_threads { value: -2 }": LEAST.format("num_batch_threads", 1, -2),
    SIZES + "[2, 2, 4]": IN_ORDER.format([2, 2, 4]),
    SIZES + "[4, 2]": IN_ORDER.format([4, 2]),
    SIZES + "[0, 4]": IN_ORDER.format([0, 4]),
    SIZES + "[2, 8]": LAST.format(8, 4),
    "allowed_batch_sizes: 4": LAST.format(4, 1000),
    "pad_variable_length_inputs: true": (
        "Inputs of different lengths are not padded here: requests of different shapes form "
        "batches of their own. Received: pad_variable_length_inputs: true in {path}. Leave it out."
    ),
    "enable_large_batch_splitting { value: true }": (
        "A request is not split over several batches here. Received: enable_large_batch_splitting "
        "{{ value: true }} in {path}. Leave it out, and let max_batch_size be that of the largest "
        "request."
    ),
    "max_batch_sizes { value: 1 }": NO_MESSAGE
    + '1:1 : Message type "tfpix2pix.settings.BatchingParameters" has no field named '
    '"max_batch_sizes".. Correct it, or its name.',
}


def test_a_file_says_all_and_what_it_leaves_out_is_as_by_tensorflow_serving(tmp_path):
    assert read_batching_parameters(DEPLOYED) == BatchingParameters(
        max_batch_size=8,
        batch_timeout_micros=2000,
        max_enqueued_batches=2,
        num_batch_threads=2,
        allowed_batch_sizes=(1, 2, 4, 8),
    )
    path = tmp_path / "parameters.pbtxt"
    path.write_text(
        'thread_pool_name { value: "p" } pad_variable_length_inputs: false num_batch_threads { '
        "value: 3 } enable_large_batch_splitting {} max_execution_batch_size { value: 2 }"
    )
    of_file = BatchingParameters(thread_pool_name="p", num_batch_threads=3)
    assert read_batching_parameters(path) == of_file
    path.write_text("")
    defaults = read_batching_parameters()
    assert read_batching_parameters(path) == defaults
    assert (defaults.max_batch_size, defaults.batch_timeout_micros) == (1000, 0)
    assert (defaults.max_enqueued_batches, defaults.allowed_batch_sizes) == (10, ())
    assert defaults.num_batch_threads == os.cpu_count()


@pytest.mark.parametrize("text", list(REFUSED))
def test_what_cannot_be_is_refused(tmp_path, text):
    path = tmp_path / "parameters.pbtxt"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_batching_parameters(path)
    assert str(caught.value) == REFUSED[text].format(path=repr(str(path)))


def test_other_files_are_refused_with_the_reason(tmp_path):
    path = tmp_path / "parameters.pbtxt"
    start = NO_MESSAGE.format(path=repr(str(path)))
    contents = {b"\xff": "'utf-8' codec can't decode", b"max_batch_size: 3": "1:17 : "}
    with pytest.raises(InputError, match=re.escape(f"{start}[Errno 2] No such file")):
        read_batching_parameters(path)
    for content, reason in contents.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=re.escape(start + reason)):
            read_batching_parameters(path)
