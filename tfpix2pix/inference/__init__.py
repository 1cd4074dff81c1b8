"""Inference: translation of images of any size and number, by directions and their controls."""

from tfpix2pix.inference.controls import control_batches, unset_batch
from tfpix2pix.inference.directed import translate_in
from tfpix2pix.inference.direction import SEED, Control, Direction, Example
from tfpix2pix.inference.translation import size_multiple, translate

__all__ = [
    "SEED",
    "Control",
    "Direction",
    "Example",
    "control_batches",
    "size_multiple",
    "translate",
    "translate_in",
    "unset_batch",
]
