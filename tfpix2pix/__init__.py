"""tfpix2pix: image-to-image translation with conditional GANs on TensorFlow.

`__all__` has what a notebook needs: names that are used most, and modules with the others. Each is
imported when it is used first, since TensorFlow takes seconds.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

from tfpix2pix import lazily, lines
from tfpix2pix.version import __version__ as __version__

if TYPE_CHECKING:
    from tfpix2pix import (
        bfloat16,
        callbacks,
        data,
        datasets,
        doctor,
        export,
        families,
        importers,
        inference,
        layers,
        losses,
        metrics,
        models,
        networks,
        optimizers,
        report,
        schedules,
        translation,
    )
    from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
    from tfpix2pix.data.formats import PixelFormat
    from tfpix2pix.data.geometry import Geometry
    from tfpix2pix.errors import InputError
    from tfpix2pix.export import read_card
    from tfpix2pix.families import preset, presets
    from tfpix2pix.families.cyclegan import CycleGANConfig
    from tfpix2pix.families.pix2pix import Pix2PixConfig
    from tfpix2pix.families.twingan import TwinGANConfig
    from tfpix2pix.inference import Control, Direction, Embedding, translate
    from tfpix2pix.models import CycleGAN, Pix2Pix, TwinGAN
    from tfpix2pix.networks import (
        image_discriminator,
        patch_discriminator,
        resnet_generator,
        unet_generator,
    )
    from tfpix2pix.runs import Run, load_run

__all__ = [
    "Control",
    "CycleGAN",
    "CycleGANConfig",
    "DataConfig",
    "Direction",
    "Embedding",
    "ExperimentConfig",
    "Geometry",
    "InputError",
    "Pix2Pix",
    "Pix2PixConfig",
    "PixelFormat",
    "Run",
    "TrainConfig",
    "TwinGAN",
    "TwinGANConfig",
    "bfloat16",
    "callbacks",
    "data",
    "datasets",
    "doctor",
    "export",
    "families",
    "image_discriminator",
    "importers",
    "inference",
    "layers",
    "load_run",
    "losses",
    "metrics",
    "models",
    "networks",
    "optimizers",
    "patch_discriminator",
    "preset",
    "presets",
    "read_card",
    "report",
    "resnet_generator",
    "schedules",
    "translate",
    "translation",
    "unet_generator",
]

# What type checkers read above, for Python.
_HOMES = {
    "config": ("DataConfig", "ExperimentConfig", "TrainConfig"),
    "data.formats": ("PixelFormat",),
    "data.geometry": ("Geometry",),
    "errors": ("InputError",),
    "export": ("read_card",),
    "families": ("preset", "presets"),
    "families.cyclegan": ("CycleGANConfig",),
    "families.pix2pix": ("Pix2PixConfig",),
    "families.twingan": ("TwinGANConfig",),
    "inference": ("Control", "Direction", "Embedding", "translate"),
    "models": ("CycleGAN", "Pix2Pix", "TwinGAN"),
    "networks": (
        "image_discriminator",
        "patch_discriminator",
        "resnet_generator",
        "unet_generator",
    ),
    "runs": ("Run", "load_run"),
}
__getattr__, __dir__ = lazily.package(__name__, _HOMES)


def _register():
    """Imports what Keras finds by its name alone, so that it can load a model that has it."""
    from tfpix2pix import layers, schedules  # noqa: F401

    with suppress(ImportError):  # Amid the import of what metrics are made of.
        from tfpix2pix import metrics  # noqa: F401


lines.prepare(then=_register)
