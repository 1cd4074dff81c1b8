"""Verifies an export after a copy: `python -m serving.verify FOLDER/VERSION`."""

import os
import sys

import jsonargparse

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Start-up notes of TensorFlow concern no user.

from tfpix2pix.errors import InputError
from tfpix2pix.export import verify


def main(version: str):
    """Compares the files of a version with the SHA-256 that its model card lists.

    Args:
        version: Folder of the version, such as exports/facades/1.
    """
    print(f"{version}: all {verify(version)} files are as published.")


if __name__ == "__main__":
    try:
        jsonargparse.auto_cli(main)
    except InputError as error:
        sys.exit(f"error: {error}")
