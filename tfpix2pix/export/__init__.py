"""Export: a generator as a SavedModel for TensorFlow Serving, published only if proved equal."""

from tfpix2pix.export.publication import export, parity, versions
from tfpix2pix.export.signatures import MOST_PIXELS, signatures

__all__ = ["MOST_PIXELS", "export", "parity", "signatures", "versions"]
