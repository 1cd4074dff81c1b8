"""Trains the restated CycleGAN of PyTorch in a process of its own, to compare with.

`python -m training.benchmarks.pytorch_cyclegan_train JSON` with the arguments of `main`.
"""

import json
import os
import sys
from pathlib import Path
from typing import Union

import torch
from tqdm import tqdm

from training.benchmarks import pytorch_cyclegan, pytorch_data
from training.benchmarks.pytorch_train import initialize

PROGRESS = "progress.pt"
SAVE_EVERY = 100  # Steps.


def main(data, to: Union[str, Path], size: int, filters: int, blocks: int, steps: int, seed: int):
    """Trains on two domains, and saves the networks as the reference does.

    The same call goes on where an earlier one was interrupted, with other images by chance. As
    with ours, the learning rate falls over the second half, in steps instead of epochs.

    Args:
        data: Folder with `trainA` and `trainB`.
        to: Folder for `latest_net_G_A.pth` and the others.
        size: Side of the images in pixels, a multiple of 4; they are cut out of larger ones.
        filters: Filters of the networks' first level.
        blocks: Residual blocks of the generators.
        steps: Steps of one image of each domain.
        seed: Seed of weights and data.
    """
    folder = Path(to)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    step = pytorch_cyclegan.Step(pytorch_cyclegan.networks(filters, blocks))
    for network in step.networks.values():
        network.apply(initialize)

    def share(taken):
        return min(1.0, (steps - taken) / (steps - steps // 2 + 1))

    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        for optimizer in step.optimizers.values()
    ]
    parts = {**step.networks, **step.optimizers, "lr_G": schedules[0], "lr_D": schedules[1]}
    first = _restore(folder / PROGRESS, parts, step.pools)
    torch.manual_seed(seed + first)
    images = pytorch_data.UnalignedImages(data, round(size * 286 / 256), size)
    batches = pytorch_data.endless(pytorch_data.batches(images))
    for now in tqdm(range(first + 1, steps + 1), "PyTorch", steps, initial=first, unit=" steps"):
        batch = next(batches)
        step(batch["A"], batch["B"])
        for schedule in schedules:
            schedule.step()
        if now % SAVE_EVERY == 0:
            content = {name: part.state_dict() for name, part in parts.items()}
            pools = {name: pool.kept for name, pool in step.pools.items()}
            _save({"step": now, "pools": pools, **content}, folder / PROGRESS)
    for name, network in step.networks.items():
        _save(network.state_dict(), folder / f"latest_net_{name}.pth")


def _restore(path, parts, pools):
    """Restores what an interrupted training has saved; returns the steps it had taken."""
    if not path.exists():
        return 0
    content = torch.load(path)
    for name, part in parts.items():
        part.load_state_dict(content[name])
    for name, pool in pools.items():
        pool.kept = content["pools"][name]
    return content["step"]


def _save(content, path):
    part = path.with_suffix(".part")
    torch.save(content, part)
    os.replace(part, path)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
