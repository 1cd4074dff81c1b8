"""Stems: which files of several folders are of one example, by what their names share."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tfpix2pix.errors import InputError

_PARTS = re.compile(r"[_\-. ]")  # Begin another part of a name.
MOST_SHOWN = 3


def matched(files: Sequence[dict[str, Path]]) -> tuple[dict[str, tuple[Path, ...]], list[Path]]:
    """Matches the files of an example in several folders.

    Files belong together if their names are equal without the suffix; or if they share a stem, up
    to a `_`, `-`, dot or space, and all files of one folder have the same rest behind it, which has
    no number of its own, such as `berlin_01_labels` and `berlin_01_photo`.

    Args:
        files: For each folder a dict of name, a path in it without the suffix, to file; see
            `tfpix2pix.data.folders.by_name`.

    Returns:
        `(examples, unmatched)`: a sorted dict of stem to the files, one of each folder; and files
        without a partner in all others, sorted within each folder.

    Raises:
        ValueError: If several files of a folder share the stem of an example; names them.

    Example:
        >>> labels = {"sea_7_labels": Path("l/sea_7_labels.png")}
        >>> photos = {"sea_7_photo": Path("p/sea_7_photo.jpg"), "sea_8_photo": Path("8.jpg")}
        >>> matched([labels, photos])
        ({'sea_7': (PosixPath('l/sea_7_labels.png'), PosixPath('p/sea_7_photo.jpg'))}, [...8.jpg')])
    """
    shared = set.intersection(*({s for name in named for s in _stems(name)} for named in files))
    groups = defaultdict(lambda: [[] for _ in files])
    for folder, named in enumerate(files):
        for name in named:
            stem = next((stem for stem in _stems(name) if stem in shared), None)
            if stem is not None:
                groups[stem][folder].append(name)
    groups = {s: _equal(s, names) for s, names in sorted(groups.items()) if all(names)}
    rests = [_rest({s: names[k] for s, names in groups.items()}) for k in range(len(files))]
    examples = {}
    for stem, names in groups.items():
        if any(len(ones) > 1 for ones in names):
            _refuse_ambiguous(stem, [named[n] for named, ones in zip(files, names) for n in ones])
        if all(one == stem + rest for (one,), rest in zip(names, rests)):
            examples[stem] = tuple(named[one] for named, (one,) in zip(files, names))
    used = {file for example in examples.values() for file in example}
    return examples, [file for named in files for file in named.values() if file not in used]


def _stems(name):
    """Yields a name, and what is before each of its parts but the first, the longest first."""
    yield name
    start = name.rfind("/") + 1
    end = len(name)
    for part in reversed(list(_PARTS.finditer(name, start + 1))):
        if name[part.end() : end].isdigit():
            return
        end = part.start()
        yield name[:end]


def _equal(stem, names):
    """Returns the names that are equal in all folders, or else all names of a stem."""
    return [[stem]] * len(names) if all(stem in ones for ones in names) else names


def _rest(names_of_stems):
    """Returns what most names of a folder have behind their stem, the shortest of equals."""
    counts = Counter(name[len(stem) :] for stem, names in names_of_stems.items() for name in names)
    return min(counts, key=lambda rest: (-counts[rest], len(rest), rest), default="")


def _refuse_ambiguous(stem, files):
    more = f" and {len(files) - MOST_SHOWN} more" if len(files) > MOST_SHOWN else ""
    raise InputError(
        "The files of an example must be one of each place. Received: "
        f"{', '.join(map(str, files[:MOST_SHOWN]))}{more}, which all begin with {stem!r}. Rename "
        "them so that one of each place does, or name those that belong together in a manifest."
    )
