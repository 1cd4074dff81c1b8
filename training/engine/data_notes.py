"""Data notes: what a training changes in its images, or passes over, without an error."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.data import layouts
from tfpix2pix.data.folders import unread_formats
from tfpix2pix.data.further_domains import unread_domains
from tfpix2pix.errors import listed
from tfpix2pix.families import Phase, pixels
from training.engine.run_log import RUN


def data_notes(config: ExperimentConfig, examples, phases: Sequence[Phase]) -> list[str]:
    """Says which files are left out, not read, read in part, stretched or enlarged.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: Those to train on, of the family's feed.
        phases: Those of the training.

    Returns:
        List of str; empty for most data.
    """
    notes = []
    if examples.skipped:
        notes.append(f"{len(examples.skipped)} files are left out: {listed(examples.skipped)}")
    data = config.data
    if (layouts.detect(data.folder) if data.layout == "auto" else data.layout) == "unpaired":
        unread = unread_domains(data.folder, examples.names)
        if unread:
            counts = listed([f"{folder} with {count}" for folder, count in unread.items()])
            notes.append(f"Folders of other domains, whose images are not read: {counts}.")
    # Examples of domains are a tuple of those of each.
    domains = [examples] if hasattr(examples, "sizes") else examples
    notes += dict.fromkeys(note for domain in domains for note in domain.notes)
    return [
        *notes,
        *_empty(data),
        *unread_formats(data.folder),
        *_stretched(domains),
        *_enlarged(config, domains, phases),
    ]


def changed_data(run: Union[str, Path], names: Sequence[str]) -> list[str]:
    """Says whether a run goes on with other examples than before.

    Args:
        run: Folder of the run, which need not exist.
        names: Names of the examples now.

    Returns:
        List of str; empty for most runs.
    """
    path = Path(run) / RUN
    sessions = json.loads(path.read_text("utf-8"))["sessions"] if path.exists() else [{}]
    before = sessions[-1].get("data")
    now = data_record(names)
    if before in (None, now):
        return []
    return [
        f"The examples are not those of the last start: {before['examples']} then, "
        f"{now['examples']} now. The run goes on, but is no longer the one that was started."
    ]


def data_record(names: Sequence[str]) -> dict:
    """Returns what a run records of its examples.

    Args:
        names: Their names.

    Returns:
        Dict of their number and of the hash of their names.
    """
    digest = hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    return {"examples": len(names), "names_sha256": digest}


def _empty(data):
    """Says which splits have a folder and no images."""
    if not Path(data.folder).is_dir() or data.layout == "tfrecord":
        return []
    filled = layouts.splits(data.folder, layout=data.layout)
    empty = [s for s in layouts.SPLITS if s not in filled and (Path(data.folder) / s).is_dir()]
    judged = "" if {"val", "test"} & set(filled) else "; the training is judged by its own"
    return [f"The folder {split} has no images{judged}." for split in empty]


def _stretched(domains):
    """Says how many examples have images of other proportions beside each other."""
    total = sum(len(domain.names) for domain in domains)
    count = 0
    for domain in domains:
        heights, widths = domain.sizes[..., 0], domain.sizes[..., 1]
        count += int((heights[:, :1] * widths != heights * widths[:, :1]).any(1).sum())
    if not count:
        return []
    return [
        f"In {count} of {total} examples the images have not the same proportions; each is "
        "stretched to the size of the training."
    ]


def _enlarged(config, domains, phases):
    """Says which images are smaller than the largest that networks see."""
    size = max((phase.image_size for phase in phases), key=np.prod)
    geometry = pixels.geometry(config, size)
    names = []
    for domain in domains:
        small = geometry.enlarged(domain.sizes)
        names += [
            f"{domain.names[index]} of {height} x {width}"
            for index, place in np.argwhere(small)
            for height, width in [domain.sizes[index, place]]
        ]
    if not names:
        return []
    total = sum(domain.sizes.shape[0] * domain.sizes.shape[1] for domain in domains)
    return [
        f"{len(names)} of {total} images are smaller than the {size[0]} x {size[1]} pixels of the "
        f"training and are enlarged, which blurs them: {listed(names)}. Train at a smaller "
        "--data.image_size, or on larger images."
    ]
