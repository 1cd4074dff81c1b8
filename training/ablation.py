"""Reruns the paper's ablations, small: `python -m training.ablation --data FOLDER --to FOLDER`.

Tables 1 to 4 of Isola et al., 2017: losses, U-Net or encoder-decoder, patch sizes of the
discriminator. Each row is a run like those of `training.train`.
"""

import dataclasses
from pathlib import Path
from typing import Literal, Optional

import jsonargparse

from tfpix2pix.errors import InputError, reported
from tfpix2pix.families import preset
from tfpix2pix.locations import at_home


def main(
    data: str,
    to: Path,
    tables: str = "losses,generator,patch",
    direction: Literal["AtoB", "BtoA"] = "BtoA",
    size: int = 64,
    steps: int = 1500,
    filters: int = 16,
    segmenter: Optional[Path] = None,
    seeds: int = 1,
):
    """Trains every row, scores it on the held-out pairs, and writes tables and pictures.

    The same command goes on after an interruption; finished rows are not trained again.

    Args:
        data: Folder of pairs, or their manifest.
        to: Folder for the runs, ablation.json, ablation.md and a picture of each table.
        tables: Which of losses, generator and patch, with commas between.
        direction: AtoB translates A into B, BtoA B into A.
        size: Side of the images in pixels, a power of 2.
        steps: Length of each training, in batches of 4.
        filters: Filters of the networks' first level.
        segmenter: SavedModel of training.segmenter, to judge translations of label maps by.
        seeds: How often each row is trained, from another seed each time.
    """
    # After the command line has been read: TensorFlow takes seconds.
    from training.engine import batches
    from training.evaluation import ablations

    start = preset("quickstart")
    changes = {"folder": data, "direction": direction, "image_size": size, "load_size": size}
    base = dataclasses.replace(
        start,
        name="ablation",
        summary="A row of training.ablation.",
        data=dataclasses.replace(start.data, **changes),
        model=dataclasses.replace(start.model, base_filters=filters, receptive_field=70),
        train=dataclasses.replace(start.train, steps=steps),
    )
    base, _ = batches.completed(base)
    if base.data.target_channels != 3:
        raise InputError(
            "What is judged must be in colour. Received: targets of "
            f"{base.data.target_channels} channels. Use other data or the other --direction."
        )
    planned = ablations.plan(base, to, tables.split(","), seeds)
    scored = ablations.score(planned, ablations.Judge(base, segmenter), to)
    settings = {"data": data, "direction": direction, "size": size, "steps": steps}
    settings |= {"filters": filters, "segmenter": segmenter and str(segmenter), "seeds": seeds}
    print(ablations.write(scored, settings, to))


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(
            main, args=at_home(), as_positional=False, prog="python -m training.ablation"
        )
