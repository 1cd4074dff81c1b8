"""Requests to the REST API as the tools of others send them."""

import base64
import gzip
import json

import pytest
import requests

from tests.serving.local import check_translated, picture, resting

ANSWER_LIMIT = 60  # Seconds.


@pytest.fixture(scope="module")
def url(manager):
    with resting(manager, most_bytes=2**16) as url:
        yield f"{url}/v1/models/tiny:predict"


def post(url, text, **headers):
    body = text if isinstance(text, bytes) else json.dumps({"instances": [{"b64": text}]}).encode()
    answer = requests.post(url, body, headers=headers, timeout=ANSWER_LIMIT)
    return answer.status_code, answer.json()


def test_base64_of_mail_programs_and_without_padding_is_read(exported, url):
    """As `base64 FILE` and Java's MIME encoder print it: lines of 76 columns."""
    encoded, pixels = picture(1)
    lines = base64.encodebytes(encoded).decode()
    assert lines.count("\n") > 1
    for text in (lines, lines.replace("\n", "\r\n"), lines.strip().rstrip("=")):
        status, answer = post(url, text)
        assert status == 200
        check_translated(base64.b64decode(answer["predictions"][0]["b64"]), exported[0], pixels)


@pytest.mark.parametrize("text", ["é", "AB*D", "A", "\ud800", "AAAA=A"])
def test_base64_that_is_none_is_refused(url, text):
    reason = "INVALID_ARGUMENT: Unable to base64 decode"
    message = f"Failed to process element: 0 of 'instances' list. Error: {reason}"
    assert post(url, text) == (400, {"error": message})


def test_a_packed_request_is_unpacked_up_to_the_limit(exported, url):
    """Of HTTP clients that compress what they send."""
    encoded, pixels = picture(2)
    content = json.dumps({"instances": [{"b64": base64.b64encode(encoded).decode()}]}).encode()
    packed = {"Content-Encoding": "gzip"}
    status, answer = post(url, gzip.compress(content), **packed)
    assert status == 200
    check_translated(base64.b64decode(answer["predictions"][0]["b64"]), exported[0], pixels)
    failed = "Failed to decompress the request: "
    for body, status, text in (
        (content, 400, f"{failed}Error -3 while decompressing data: incorrect header check"),
        (gzip.compress(content)[:-4], 400, f"{failed}it is cut short"),
        (gzip.compress(bytes(2**26)), 413, "Received message larger than max (unpacked vs. 65536)"),
    ):
        assert post(url, body, **packed) == (status, {"error": text})
