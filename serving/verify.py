"""Verifies an export after a copy: `python -m serving.verify FOLDER/VERSION`."""

import jsonargparse

from tfpix2pix.errors import reported
from tfpix2pix.lazily import export
from tfpix2pix.locations import at_home


def main(version: str):
    """Compares the files of a version with the SHA-256 that its model card lists.

    Args:
        version: Folder of the version, such as exports/facades/1.
    """
    print(f"{version}: all {export.verify(version)} files are as published.")


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(main, args=at_home(), prog="python -m serving.verify")
