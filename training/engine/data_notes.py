"""Data notes: what a training changes in its images, or passes over, without an error."""

from collections.abc import Sequence

import numpy as np

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.data import layouts
from tfpix2pix.data.further_domains import unread_domains
from tfpix2pix.errors import listed
from tfpix2pix.families import Phase, pixels


def data_notes(config: ExperimentConfig, examples, phases: Sequence[Phase]) -> list[str]:
    """Says which files are left out, not read or enlarged.

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
    return notes + _enlarged(config, examples, phases)


def _enlarged(config, examples, phases):
    """Says which images are smaller than the largest that networks see."""
    size = max((phase.image_size for phase in phases), key=np.prod)
    geometry = pixels.geometry(config, size)
    # Examples of domains are a tuple of those of each.
    domains = [examples] if hasattr(examples, "sizes") else examples
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
