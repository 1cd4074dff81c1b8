"""Export: directions as a SavedModel for TensorFlow Serving, published only if proved equal."""

from tfpix2pix.export.cards import (
    directions_of,
    model_card,
    read_card,
    task_of,
    verify,
)
from tfpix2pix.export.comparison import parity
from tfpix2pix.export.conversion import convert
from tfpix2pix.export.directions import chosen_direction, named_directions, served_directions
from tfpix2pix.export.drawings import drawing
from tfpix2pix.export.limits import MOST_PIXELS
from tfpix2pix.export.publication import export, versions
from tfpix2pix.export.run_card import run_details, source_details
from tfpix2pix.export.signatures import signatures

__all__ = [
    "MOST_PIXELS",
    "chosen_direction",
    "convert",
    "directions_of",
    "drawing",
    "export",
    "model_card",
    "named_directions",
    "parity",
    "read_card",
    "run_details",
    "served_directions",
    "signatures",
    "source_details",
    "task_of",
    "verify",
    "versions",
]
