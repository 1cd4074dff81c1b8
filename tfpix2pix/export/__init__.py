"""Export: a generator as a SavedModel for TensorFlow Serving, published only if proved equal."""

from tfpix2pix.export.cards import model_card, read_card, task_of, verify
from tfpix2pix.export.comparison import parity
from tfpix2pix.export.conversion import convert
from tfpix2pix.export.drawings import drawing
from tfpix2pix.export.publication import export, versions
from tfpix2pix.export.signatures import MOST_PIXELS, signatures

__all__ = [
    "MOST_PIXELS",
    "convert",
    "drawing",
    "export",
    "model_card",
    "parity",
    "read_card",
    "signatures",
    "task_of",
    "verify",
    "versions",
]
