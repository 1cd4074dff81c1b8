"""Modules that are imported when something of them is used, as PEP 810 will have it.

A family is known without TensorFlow, which takes seconds to import: programs list presets, show
their help and refuse wrong options before. So modules of `families` write

    from tfpix2pix.lazily import models, tf

and `models.Pix2Pix` in their functions; `from tfpix2pix.models import Pix2Pix` would import it all.
"""

import importlib
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

# ruff: noqa: F401, I001
# fmt: off
if TYPE_CHECKING:
    import tensorflow as tf
    from tensorflow import keras
    from tfpix2pix import bfloat16, checkpointing, export, importers, inference, layers, losses
    from tfpix2pix import metrics, models, networks, optimizers, report, runs, schedules
    from tfpix2pix import translation
    from tfpix2pix.data import attributes, augment, base_task, codecs, folders, hint_points
    from tfpix2pix.data import images, layouts, pipeline, records, sources, streams, survey, tables
    from tfpix2pix.data import tasks
    from tfpix2pix.datasets import combine, derive, face_folders, fetch, hues, jobs, synthetic
    from tfpix2pix.doctor import check, presentation
    from tfpix2pix.models import domain_paths, domain_translation, domain_vectors
    from tfpix2pix.networks import growth
    from tfpix2pix.translation import contact_sheets, file_work, value_files
# fmt: on

HOMES = {
    "tfpix2pix": "bfloat16 checkpointing export importers inference layers losses metrics models "
    "networks optimizers report runs schedules translation",
    "tfpix2pix.data": "attributes augment base_task codecs folders hint_points images layouts "
    "pipeline records sources streams survey tables tasks",
    "tfpix2pix.datasets": "combine derive face_folders fetch hues jobs synthetic",
    "tfpix2pix.doctor": "check presentation",
    "tfpix2pix.models": "domain_paths domain_translation domain_vectors",
    "tfpix2pix.networks": "growth",
    "tfpix2pix.translation": "contact_sheets file_work value_files",
}
MODULES = {name: f"{home}.{name}" for home, names in HOMES.items() for name in names.split()}
MODULES |= {"keras": "tensorflow:keras", "tf": "tensorflow"}  # As `pkgutil` resolves them.


def package(name: str, homes: Mapping[str, Sequence[str]] = MappingProxyType({})) -> tuple:
    """Returns the functions of a package whose modules are imported when they are used (PEP 562).

    Args:
        name: Of the package.
        homes: Dict of its modules to the names that the package has of them.

    Returns:
        `(__getattr__, __dir__)`.

    Example:
        >>> attribute, _ = package("tfpix2pix", {"version": ["__version__"]})
        >>> attribute("__version__") == attribute("version").__version__
        True
    """
    home_of = {one: home for home, names in homes.items() for one in names}

    def attribute(one):
        home = f"{name}.{home_of.get(one, one)}"
        try:
            module = importlib.import_module(home)
        except ModuleNotFoundError as error:
            if error.name != home:
                raise
            raise AttributeError(f"module {name!r} has no attribute {one!r}") from None
        return getattr(module, one) if one in home_of else module

    def names():
        return sorted({*vars(sys.modules[name]), *getattr(sys.modules[name], "__all__", ())})

    return attribute, names


class _Module(ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):  # Whoever looks for special names uses nothing of the module.
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(pkgutil.resolve_name(self.__name__), name)


def __getattr__(name):
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _Module(MODULES[name])
