"""Runs: the folder of a training, what is in it, and how to use it."""

from tfpix2pix.runs.finishing import drop_finished, finish_run, keep_state
from tfpix2pix.runs.float32 import float32_model
from tfpix2pix.runs.folder import CONFIG, FINISHED, METRICS, PHASES, load_config, save_config
from tfpix2pix.runs.phases import phase_at, run_phases, save_phases
from tfpix2pix.runs.run import Run, examples, load_run, open_detector

__all__ = [
    "CONFIG",
    "FINISHED",
    "METRICS",
    "PHASES",
    "Run",
    "drop_finished",
    "examples",
    "finish_run",
    "float32_model",
    "keep_state",
    "load_config",
    "load_run",
    "open_detector",
    "phase_at",
    "run_phases",
    "save_config",
    "save_phases",
]
