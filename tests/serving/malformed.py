"""Requests that make no sense, each with the statuses that TensorFlow Serving may answer with."""

import io
import itertools
import random
import struct
import zlib

import grpc
from PIL import Image

from serving.client.messages import DT_STRING, PredictRequest

DT_FLOAT = 1
Code = grpc.StatusCode
INVALID = {Code.INVALID_ARGUMENT}
UNREADABLE = {Code.INTERNAL}  # What gRPC answers where bytes are no message.
WORDS = ["", "x", "a/b", "../..", "\x00", "é", "%s%n", "9" * 40, "facades" * 400]


def malformed(request, *, seed: int):
    """Generates malformed requests without end.

    Args:
        request: `PredictRequest` that is well formed, for the signature of files.
        seed: int.

    Yields:
        `(kind, content, statuses)`: name of the kind, bytes to send, and the set of
        `grpc.StatusCode` of which the answer must have one.

    Example:
        >>> next(malformed(PredictRequest(), seed=0))[0]
        'noise'
    """
    chance = random.Random(seed)
    for kind in itertools.cycle([_noise, _flipped, _image, _tensor, _name]):
        changed = PredictRequest.FromString(request.SerializeToString())
        yield (kind.__name__[1:], *kind(changed, chance))


def _noise(request, chance):
    del request
    content = chance.randbytes(chance.choice([1, 7, 100, 5000]))
    # Some noise is a message of unknown fields alone.
    return content, UNREADABLE | INVALID


def _flipped(request, chance):
    content = bytearray(request.SerializeToString())
    for _ in range(chance.randint(1, 8)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    # What is hit may be a name, the image, or a byte on which nothing depends.
    return bytes(content), UNREADABLE | INVALID | {
        Code.OK,
        Code.NOT_FOUND,
        Code.FAILED_PRECONDITION,
    }


def _image(request, chance):
    tensor = request.inputs["image_bytes"]
    image = tensor.string_val[0]
    tensor.string_val[0] = chance.choice(
        [
            b"",
            b"no image",
            image[: chance.randrange(len(image) * 3 // 4)],
            chance.randbytes(1000),
            _of_size(2**31 - 1, 2**31 - 1),
            _of_size(2**16, 2**16),
            _of_size(0, 5),
        ]
    )
    return request.SerializeToString(), INVALID


def _tensor(request, chance):
    tensor = request.inputs["image_bytes"]
    change = chance.randrange(4)
    if change == 0:
        del tensor.tensor_shape.dim[:]
    elif change == 1:
        tensor.dtype = chance.choice([0, DT_FLOAT, 99])
    elif change == 2:
        tensor.tensor_shape.dim.add(size=chance.choice([2, 2**20, 2**40, -5]))
    else:
        request.model_spec.signature_name = "float"
        image = request.inputs["image"]
        del request.inputs["image_bytes"]
        image.dtype = DT_FLOAT
        sizes = [chance.choice([0, 1, 3, 2**15, 2**31, 2**62]) for _ in range(chance.randint(0, 6))]
        for size in sizes:
            image.tensor_shape.dim.add(size=size)
        if len(sizes) == 4 and sizes[-1] == 3:  # An image: what is not sent counts as zeros.
            return request.SerializeToString(), INVALID | {Code.OK}
    return request.SerializeToString(), INVALID


def _name(request, chance):
    word = chance.choice(WORDS)
    change = chance.randrange(4)
    if change == 0:
        request.model_spec.name = word
        return request.SerializeToString(), {Code.NOT_FOUND} if word else INVALID
    if change == 1:
        request.model_spec.signature_name = word or "y"
        return request.SerializeToString(), {Code.FAILED_PRECONDITION}
    if change == 2:
        request.model_spec.version.value = chance.choice([0, -1, 2, 2**63 - 1])
        return request.SerializeToString(), {Code.NOT_FOUND}
    request.inputs[word].dtype = DT_STRING
    return request.SerializeToString(), INVALID


def _of_size(width, height):
    """Returns the bytes of a PNG file that claims to be of a size."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "png")
    content = bytearray(file.getvalue())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))  # Of the header.
    return bytes(content)
