"""A toy paper in three files: how a paper moves in. CONTRIBUTING.md explains it."""

from tests.cases.toy.family import FAMILY

__all__ = ["FAMILY"]
