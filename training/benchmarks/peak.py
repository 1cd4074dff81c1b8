"""Runs a program, and writes how much memory it took at most.

python -m training.benchmarks.peak FILE MODULE ARGUMENTS...
"""

import runpy
import sys
from pathlib import Path


def peak_megabytes() -> float:
    """Returns the peak of this program; `getrusage` would include its parent's at the start."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    _, _file, _module, *_arguments = sys.argv
    sys.argv = [_module, *_arguments]
    try:
        runpy.run_module(_module, run_name="__main__", alter_sys=True)
    finally:
        Path(_file).write_text(str(peak_megabytes()))
