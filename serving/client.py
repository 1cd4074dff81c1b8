"""Translates images through TensorFlow Serving over gRPC: as a library, and as a command.

    python -m serving.client IMAGE... --model NAME --address HOST:PORT --to FOLDER

It needs grpcio, protobuf and Pillow, but neither TensorFlow nor tfpix2pix, so it starts in a moment
and runs where they are not installed.
"""

import io
import os
import sys
from collections import deque
from pathlib import Path
from typing import Literal, Optional

import grpc
from PIL import Image
from tqdm import tqdm

from serving.messages import DT_STRING, PredictRequest, PredictResponse

# One 1024-pixel image as floats exceeds gRPC's default of 4 MiB; Serving itself allows 2 GiB.
CHANNEL_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
IN_FLIGHT = 4  # Requests sent ahead, so that the server never waits for the next image.
CURES = {
    grpc.StatusCode.UNAVAILABLE: "Start one by `python -m serving.server`, or mend the address.",
    grpc.StatusCode.NOT_FOUND: "Correct the model's name or version.",
    grpc.StatusCode.FAILED_PRECONDITION: "Ask for a signature that the model has.",
    grpc.StatusCode.INVALID_ARGUMENT: "Correct the image; PNG and JPEG files are understood.",
    grpc.StatusCode.DEADLINE_EXCEEDED: "Allow more seconds, or send a smaller image.",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "Send a smaller image, or fewer at once.",
}


class TranslationError(RuntimeError):
    """A server did not answer with a translated image; the message names the cure.

    Attributes:
        code: `grpc.StatusCode` of the failure.
    """

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


class Client:
    """A connection to a server of the TensorFlow Serving API; close it, or use it in `with`.

    Args:
        address: `"host:port"`.
        model: Name of the served model.
        version: Version of the model; by default the newest.
        timeout: Seconds that one image may take.

    Example:
        >>> with Client("127.0.0.1:8500", "facades") as client:
        ...     output = client.translate(open("input.png", "rb").read())
    """

    def __init__(self, address, model, *, version=None, timeout=60.0):
        self.address, self.model, self.version, self.timeout = address, model, version, timeout
        self._channel = grpc.insecure_channel(address, CHANNEL_OPTIONS)
        self._predict = self._channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=PredictRequest.SerializeToString,
            response_deserializer=PredictResponse.FromString,
        )

    def __enter__(self):
        """Returns the client."""
        return self

    def __exit__(self, *_):
        """Closes the connection."""
        self.close()

    def close(self):
        """Closes the connection."""
        self._channel.close()

    def translate(self, image):
        """Translates one image.

        Args:
            image: bytes of a PNG or JPEG file.

        Returns:
            bytes of a PNG file of the same size.

        Raises:
            TranslationError: If the server is away, refuses the request or takes too long.
        """
        return self._answer(self._send(image))

    def translate_all(self, images):
        """Translates a stream of images, a few requests ahead, in order.

        Args:
            images: Iterable of bytes of PNG or JPEG files.

        Yields:
            For each the bytes of a PNG file, or the `TranslationError` that kept it from being
            made.
        """
        pending = deque()
        for image in images:
            pending.append(self._send(image))
            if len(pending) >= IN_FLIGHT:
                yield self._outcome(pending.popleft())
        while pending:
            yield self._outcome(pending.popleft())

    def _send(self, image):
        request = PredictRequest()
        request.model_spec.name = self.model
        if self.version is not None:
            request.model_spec.version.value = self.version
        tensor = request.inputs["image_bytes"]
        tensor.dtype = DT_STRING
        tensor.tensor_shape.dim.add(size=1)
        tensor.string_val.append(image)
        return self._predict.future(request, timeout=self.timeout)

    def _answer(self, call):
        try:
            return call.result().outputs["output_bytes"].string_val[0]
        except grpc.RpcError as error:
            cure = CURES.get(error.code(), "Look at the server's log.")
            details = " ".join(error.details().split()).rstrip(".")
            raise TranslationError(
                f"The server at {self.address} must translate with the model {self.model!r}. "
                f"Received: {error.code().name}: {details}. {cure}",
                error.code(),
            ) from None

    def _outcome(self, call):
        try:
            return self._answer(call)
        except TranslationError as error:
            return error


def read_image(path, half=None):
    """Reads what is sent for a file.

    Args:
        path: Path of a PNG or JPEG file.
        half: `"left"` or `"right"` for that half of a side-by-side file; by default all of it.

    Returns:
        bytes of an image file: those of `path`, or a PNG of the half.

    Raises:
        TranslationError: If a half would lose bits.
    """
    whole = Path(path).read_bytes()
    if half is None:
        return whole
    with Image.open(io.BytesIO(whole)) as image:
        if image.format == "PNG" and whole[24] > 8 and image.mode == "RGB":
            # Pillow reduces them to 8 bits without a word.
            raise TranslationError(
                f"A half can be cut of 8-bit files and of grey ones. Received: {path}, 16-bit "
                "colour. Cut it by another program, or send it without --half.",
                grpc.StatusCode.INVALID_ARGUMENT,
            )
        middle = image.width // 2
        left, right = (0, middle) if half == "left" else (middle, image.width)
        encoded = io.BytesIO()
        image.crop((left, 0, right, image.height)).save(encoded, "png")
    return encoded.getvalue()


def main(
    images: list[Path],
    model: str,
    to: Path,
    address: str = "127.0.0.1:8500",
    half: Optional[Literal["left", "right"]] = None,
    timeout: float = 60.0,
):
    """Translates image files and writes the results as PNG files of the same names.

    Args:
        images: PNG or JPEG files.
        model: Name of the served model.
        to: Folder for the results; made if it is missing.
        address: HOST:PORT of the server.
        half: Send only this half of side-by-side files.
        timeout: Seconds that one image may take.
    """
    missing = [str(path) for path in images if not path.is_file()]
    if missing:
        sys.exit(
            f"error: The images must be files. Received: {', '.join(missing)}. Correct the paths."
        )
    to.mkdir(parents=True, exist_ok=True)
    failed = []
    with Client(address, model, timeout=timeout) as client:
        outcomes = client.translate_all(read_image(path, half) for path in images)
        for path, outcome in tqdm(zip(images, outcomes), total=len(images), unit=" images"):
            if isinstance(outcome, TranslationError):
                if outcome.code is grpc.StatusCode.UNAVAILABLE:  # So it will be for all the others.
                    sys.exit(f"error: {outcome}")
                failed.append(f"{path}: {outcome}")
                continue
            result = to / f"{path.stem}.png"
            part = result.with_suffix(".part")
            part.write_bytes(outcome)
            os.replace(part, result)
    print(f"{len(images) - len(failed)} of {len(images)} images translated to {to}.")
    if failed:
        sys.exit("\n".join(f"error: {failure}" for failure in failed))


if __name__ == "__main__":
    import jsonargparse

    parser = jsonargparse.ArgumentParser(prog="python -m serving.client", description=__doc__)
    parser.add_argument("images", nargs="+", type=Path, help="PNG or JPEG files.")
    parser.add_function_arguments(main, skip={"images"}, as_positional=False)
    try:
        main(**parser.parse_args())
    except TranslationError as error:
        sys.exit(f"error: {error}")
