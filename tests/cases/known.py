"""Runs a program that knows the families of tests: `python -m tests.cases.known PROGRAM ...`."""

import runpy
import sys

from tests.cases.families import TEST_FAMILIES
from tfpix2pix.families import FAMILIES

if __name__ == "__main__":
    FAMILIES.update(TEST_FAMILIES)
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
