"""Inference: translation of images of any size and number, and vectors of images."""

from tfpix2pix.inference.controls import control_batches, unset_batch
from tfpix2pix.inference.directed import translate_in
from tfpix2pix.inference.direction import SEED, Control, Direction, Example
from tfpix2pix.inference.embedding import (
    Embedding,
    chosen_embedding,
    embed,
    embeddings_sha256,
)
from tfpix2pix.inference.index import EmbeddingIndex, Neighbour
from tfpix2pix.inference.translation import size_multiple, translate

__all__ = [
    "SEED",
    "Control",
    "Direction",
    "Embedding",
    "EmbeddingIndex",
    "Example",
    "Neighbour",
    "chosen_embedding",
    "control_batches",
    "embed",
    "embeddings_sha256",
    "size_multiple",
    "translate",
    "translate_in",
    "unset_batch",
]
