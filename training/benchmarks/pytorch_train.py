"""Trains the restated pytorch-CycleGAN-and-pix2pix in a process of its own, to compare with.

`python -m training.benchmarks.pytorch_train JSON` with the arguments of `main`.
"""

import json
import sys
from pathlib import Path
from typing import Union

import numpy as np
import torch
from torch import nn
from tqdm import trange

from training.benchmarks import pytorch_data, pytorch_step


def main(
    data,
    sources,
    to: Union[str, Path],
    size: int,
    filters: int,
    steps: int,
    direction: str,
    seed: int,
):
    """Trains on pairs, and translates other sources.

    As in its `test.py`, batch norm uses the statistics of each image; unlike there dropout is off,
    as it is in our translations.

    Args:
        data: Folder of the training pairs, side by side.
        sources: NPY file of the sources to translate, float32 `[count, size, size, 3]` in [-1, 1].
        to: NPY file for their translations, of the same shape and range.
        size: Side of the images in pixels, a power of 2; they are cut out of larger ones.
        filters: Filters of the networks' first level.
        steps: Steps of one pair.
        direction: `"AtoB"` or `"BtoA"`.
        seed: Seed of weights, dropout and data.
    """
    torch.manual_seed(seed)
    generator = pytorch_step.UNet(size.bit_length() - 1, filters)
    discriminator = pytorch_step.PatchGAN(6, filters)
    for network in (generator, discriminator):
        network.apply(initialize)
    step = pytorch_step.Step(generator, discriminator)
    pairs = pytorch_data.AlignedPairs(data, round(size * 286 / 256), size)
    batches = pytorch_data.endless(pytorch_data.batches(pairs))
    source, target = direction.split("to")
    for _ in trange(steps, desc="PyTorch", unit=" steps"):
        batch = next(batches)
        step(batch[source], batch[target])
    for module in generator.modules():
        module.train(not isinstance(module, nn.Dropout))
    images = torch.from_numpy(np.load(sources).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        translated = torch.cat([generator(image) for image in images.split(1)])
    with Path(to).open("wb") as file:
        np.save(file, translated.numpy().transpose(0, 2, 3, 1))


def initialize(module):
    """Draws weights as its `init_weights` does: of standard deviation 0.02, norms' around 1."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)):
        mean = 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0
        nn.init.normal_(module.weight, mean, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
