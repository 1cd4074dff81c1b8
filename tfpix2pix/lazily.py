"""Modules that are imported when something of them is used, as PEP 810 will have it.

A family is known without TensorFlow, which takes seconds to import: programs list presets, show
their help and refuse wrong options before. So modules of `families` write

    from tfpix2pix.lazily import models, tf

and `models.Pix2Pix` in their functions; `from tfpix2pix.models import Pix2Pix` would import it all.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf  # noqa: F401
    from tensorflow import keras  # noqa: F401

    from tfpix2pix import (  # noqa: F401  # noqa: F401
        bfloat16,
        importers,
        inference,
        layers,
        losses,
        models,
        networks,
        optimizers,
        schedules,
    )
    from tfpix2pix.data import (  # noqa: F401  # noqa: F401
        attributes,
        augment,
        base_task,
        hint_points,
        pipeline,
        sources,
        streams,
        survey,
        tables,
        tasks,
    )
    from tfpix2pix.models import domain_paths, domain_translation, domain_vectors  # noqa: F401
    from tfpix2pix.networks import growth  # noqa: F401

HOMES = {
    "tfpix2pix": (
        *("bfloat16", "importers", "inference", "layers", "losses", "models", "networks"),
        *("optimizers", "schedules"),
    ),
    "tfpix2pix.data": (
        *("attributes", "augment", "base_task", "hint_points", "pipeline", "sources", "streams"),
        *("survey", "tables", "tasks"),
    ),
    "tfpix2pix.models": ("domain_paths", "domain_translation", "domain_vectors"),
    "tfpix2pix.networks": ("growth",),
}
MODULES = {name: f"{home}.{name}" for home, names in HOMES.items() for name in names}
MODULES |= {"keras": "tensorflow:keras", "tf": "tensorflow"}  # As `pkgutil` resolves them.


def submodule(package: str, name: str) -> ModuleType:
    """Imports a module of a package, as what the package's `__getattr__` returns.

    Args:
        package: Its dotted name.
        name: Of the module.

    Returns:
        The module.

    Raises:
        AttributeError: If there is none.

    Example:
        >>> submodule("tfpix2pix", "version").__version__
        '0.1.0'
    """
    dotted = f"{package}.{name}"
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError as error:
        if error.name != dotted:
            raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}") from None


class _Module(ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):  # Whoever looks for special names uses nothing of the module.
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(pkgutil.resolve_name(self.__name__), name)


def __getattr__(name):
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _Module(MODULES[name])
