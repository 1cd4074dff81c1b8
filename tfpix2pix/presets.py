"""Goes away: the old names, until all callers use `families`."""

from tfpix2pix.families import preset, presets
from tfpix2pix.families.pix2pix import FACADES, QUICKSTART

PRESETS = presets()
__all__ = ["FACADES", "PRESETS", "QUICKSTART", "preset"]
