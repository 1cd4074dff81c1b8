"""Progress bars of programs."""

from typing import Optional

from tqdm import tqdm


def bar(items, title: str, unit: str, total: Optional[int] = None):
    """Returns a progress bar around items.

    Args:
        items: Iterable.
        title: What is being done.
        unit: What is counted, in the plural.
        total: How many items there are, where they do not say so themselves.

    Returns:
        `tqdm.tqdm`, an iterable of the same items.
    """
    return tqdm(items, title, total, unit=f" {unit}")


def survey(records, total: int):
    """Shows how many new files of a data set are checked.

    It is the `progress` of `tfpix2pix.data.survey.examine_images`.

    Args:
        records: Iterable of the records of the files.
        total: How many new files there are.

    Returns:
        `tqdm.tqdm`, an iterable of the same records.
    """
    return tqdm(records, "Looking at new files", total, leave=False)
