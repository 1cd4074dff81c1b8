"""Which versions of a model its folder and its policy call for."""

import logging
import re
from pathlib import Path
from typing import Union

VERSION = re.compile(r"\s*-?[0-9]+\s*", re.ASCII)
LARGEST_VERSION = 2**63 - 1

logger = logging.getLogger(__name__)


def numbered(folder: Union[str, Path]):
    """Finds the versions in a folder, as TensorFlow Serving parses names.

    Args:
        folder: Folder of a served model.

    Returns:
        Dict of number to `pathlib.Path`. Names that are not whole numbers of 64 bits are skipped;
        leading zeros and a minus are parts of a number. Of equal numbers the last name counts.

    Raises:
        OSError: If the folder cannot be read.

    Example:
        >>> from pathlib import Path
        >>> for name in ("7", "007", "-1", ".part-8", "v9", "1.5"):
        ...     Path("model", name).mkdir(parents=True)
        >>> {number: path.name for number, path in numbered("model").items()}
        {-1: '-1', 7: '7'}
    """
    versions = {}
    for path in sorted(Path(folder).iterdir()):
        if not VERSION.fullmatch(path.name):
            continue
        number = int(path.name)
        if not -LARGEST_VERSION - 1 <= number <= LARGEST_VERSION:
            continue
        if number in versions:
            logger.warning(
                "Duplicate version directories detected. Version %d will be loaded from %s, %s "
                "will be ignored.",
                number,
                path.name,
                versions[number].name,
            )
        versions[number] = path
    return versions


def aspired(model):
    """Finds the versions of a model that should be served.

    Args:
        model: `ModelConfig`; its policy is the newest version where it has none.

    Returns:
        Dict of number to `pathlib.Path`; empty, with a warning, where the folder has none.

    Raises:
        OSError: If the folder of the model cannot be read.
    """
    versions = numbered(model.base_path)
    policy = model.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        wanted = set(versions)
    elif choice == "specific":
        wanted = set(policy.specific.versions)
        for number in sorted(wanted - set(versions)):
            logger.warning(
                "Version %d of servable %s, which was requested to be served as a 'specific' "
                "version in the servable's version policy, was not found in the file system",
                number,
                model.name,
            )
    else:
        wanted = set(sorted(versions)[-max(policy.latest.num_versions, 1) :])
    chosen = {number: path for number, path in versions.items() if number in wanted}
    if not chosen:
        logger.warning(
            "No versions of servable %s found under base path %s. Did you forget to name your leaf "
            "directory as a number (eg. '/1/')?",
            model.name,
            model.base_path,
        )
    return chosen
