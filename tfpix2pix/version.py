"""The version of the package; it stands here alone, and `setup.py` reads it from here."""

__version__ = "0.1.0"
