"""The factory: from a configuration to everything else; the only part that knows all others."""

from tfpix2pix.factory.data import (
    completed,
    evaluation_batches,
    examples,
    geometry,
    task,
    training_batches,
)
from tfpix2pix.factory.models import (
    BEST,
    CHECKPOINTS,
    checkpoint,
    compiled_model,
    generator,
    restored_generator,
    restored_networks,
)

__all__ = [
    "BEST",
    "CHECKPOINTS",
    "checkpoint",
    "compiled_model",
    "completed",
    "evaluation_batches",
    "examples",
    "generator",
    "geometry",
    "restored_generator",
    "restored_networks",
    "task",
    "training_batches",
]
