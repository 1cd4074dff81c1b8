"""Conformance of a family: one named check for each claim, for the tests of any paper.

It needs no test runner, and nothing of the package imports it; `CONTRIBUTING.md` shows its use.
"""

from tfpix2pix.testing.case import Case, save_untrained
from tfpix2pix.testing.claims import CHECKS, Check, check, checks

__all__ = ["CHECKS", "Case", "Check", "check", "checks", "save_untrained"]
