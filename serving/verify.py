"""Verifies an export after a copy: `python -m serving.verify FOLDER/VERSION`."""

import sys

import jsonargparse

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
