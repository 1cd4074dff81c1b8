"""What can go wrong between the client and a server: a class for each cure."""

import re

import grpc

Code = grpc.StatusCode


class BadArgument(ValueError):
    """An argument does not do; nothing was sent."""


class ClientError(RuntimeError):
    """An image was not translated; the message names the cure.

    Args:
        rule: What must hold.
        code: `grpc.StatusCode` of the failure, or the one that it would have over gRPC.
        details: What the server, or the connection, said.
        cure: What helps; by default what helps against all failures of the class.

    Attributes:
        code: As given.
        details: As given.
    """

    cure = "Look at the server's log."

    def __init__(self, rule, code, details, cure=None):
        told = " ".join(NODE.sub("", details).split()).rstrip(".")
        received = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in told)
        super().__init__(f"{rule} Received: {code.name}: {received}. {cure or self.cure}")
        self.code = code
        self.details = details


class ServerUnavailable(ClientError):
    """No server answers at any of the addresses."""

    cure = (
        "Start one by `python -m serving.server`, or mend the address (Serving has gRPC at 8500, "
        "REST at 8501) or the certificates."
    )


class UnknownModel(ClientError):
    """The server has no such model, or no such version."""

    cure = "Correct the model's name or version."


class DifferentModels(ClientError):
    """Servers that a client shall ask by turns have different models."""

    cure = (
        "Serve copies of one export, name a version that all have, or leave a server out of the "
        "address."
    )


class UnsuitableModel(ClientError):
    """The model takes or gives something else than encoded images."""

    cure = "Serve a model that `python -m serving.export` wrote."


class BadImage(ClientError):
    """The file is no image, or not one that can be sent as asked."""

    cure = "Correct the image; PNG and JPEG files are understood."


class TooLarge(ClientError):
    """The image exceeds the size that a message may have, or the server's memory."""

    cure = "Send a smaller image, or raise the server's limit."


class Overloaded(ClientError):
    """The server has too many requests at once."""

    cure = "Keep fewer images in flight, or have more patience."


class Timeout(ClientError):
    """The answer took longer than allowed."""

    cure = "Allow more seconds, or send a smaller image."


class AccessDenied(ClientError):
    """The server does not let this client in."""

    cure = "Give the certificate and key that the server asks for."


CLASSES = {
    Code.UNAVAILABLE: ServerUnavailable,
    Code.NOT_FOUND: UnknownModel,
    Code.FAILED_PRECONDITION: UnsuitableModel,
    Code.INVALID_ARGUMENT: BadImage,
    Code.RESOURCE_EXHAUSTED: Overloaded,
    Code.DEADLINE_EXCEEDED: Timeout,
    Code.UNAUTHENTICATED: AccessDenied,
    Code.PERMISSION_DENIED: AccessDenied,
}
# After these the rest of a stream could not be translated either.
ENDING = (ServerUnavailable, DifferentModels)
# A code tells too little where the server gives it for several reasons.
SIZES = ("larger than max", "OOM when allocating")
# What a proxy says, or the lack of one that was named.
BY_PROXIES = (
    Code.UNAVAILABLE,
    Code.DEADLINE_EXCEEDED,
    Code.PERMISSION_DENIED,
    Code.UNAUTHENTICATED,
    Code.INTERNAL,
)
# What an exported model says -> a cure that its caller can follow.
CURES = {
    "a PNG of 16 bits": "Scale it to 8 bits: `images.to_pixels(images.to_signed(pixels))` of "
    "`tfpix2pix.data` does so.",
    "an answer that is no HTTP": "Leave http:// out for the port of gRPC, or give that of REST.",
    "Scale it, or cut it into parts.": "Send it in tiles (--tile 1024, or `tiling` of `Client`), "
    "or scale it.",
    "Hints must be points": "Correct or remove this point.",
    "Leave some out.": "Send fewer hints.",
    "The weights of styles": "Give other weights.",
}
NODE = re.compile(r"\s*\[\[\{\{.*", re.DOTALL)  # Where in its graph TensorFlow found a fault.


def failure(address, model, code, details, proxy=None):
    """Returns the error to raise for what a server answered.

    Args:
        address: Where the server is.
        model: Name of the model that was asked for.
        code: `grpc.StatusCode`.
        details: What the server said.
        proxy: What to do if a proxy on the way is the cause; by default there is none.

    Returns:
        An instance of the class of `ClientError` that names the cure.

    Example:
        >>> error = failure("a:8500", "facades", Code.DEADLINE_EXCEEDED, "Deadline Exceeded")
        >>> str(error)  # doctest: +NORMALIZE_WHITESPACE
        "The server at a:8500 must translate with the model 'facades'. Received:
        DEADLINE_EXCEEDED: Deadline Exceeded. Allow more seconds, or send a smaller image."
    """
    kind = CLASSES.get(code, ClientError)
    if kind is Overloaded and any(text in details for text in SIZES):
        kind = TooLarge
    elif kind is BadImage and "signature" in details.lower():
        kind = UnsuitableModel
    cure = next((cure for text, cure in CURES.items() if text in details), kind.cure)
    if proxy is not None and code in BY_PROXIES:
        cure = f"{proxy} Else: {cure}"
    rule = f"The server at {address} must translate with the model {model!r}."
    return kind(rule, code, details, cure)
