"""The data path of pytorch-CycleGAN-and-pix2pix, restated to measure against.

Its aligned data set opens a file, resizes each half by Pillow's bicubic kernel, cuts one
window of both, mirrors both or none, and scales to [-1, 1]; its unaligned one does so with a file
of each domain, independently. A `DataLoader` with workers calls them.
TensorFlow is not imported here, since the loader's workers import this file.
"""

import random
from pathlib import Path
from typing import Union

import numpy as np
import torch
from PIL import Image


class AlignedPairs(torch.utils.data.Dataset):
    """Side-by-side files as dicts of `A` and `B`, float32 `[3, size, size]` in [-1, 1].

    Args:
        folder: Folder of the files.
        load_size: Side in pixels before the random crop.
        image_size: Side in pixels after it.
    """

    def __init__(self, folder: Union[str, Path], load_size: int = 286, image_size: int = 256):
        self.files = sorted(path for path in Path(folder).iterdir() if path.is_file())
        self.load_size = load_size
        self.image_size = image_size

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        both = Image.open(self.files[index]).convert("RGB")
        middle = both.width // 2
        halves = (both.crop((edge, 0, edge + middle, both.height)) for edge in (0, middle))
        left, top, mirrored = _chance(self.load_size, self.image_size)
        return {
            domain: _seen(half, self.load_size, self.image_size, left, top, mirrored)
            for domain, half in zip("AB", halves)
        }


class UnalignedImages(torch.utils.data.Dataset):
    """Images of two folders as dicts of `A` and `B`, float32 `[3, size, size]` in [-1, 1].

    Those of A come by their position, those of B by chance; each has a window of its own.

    Args:
        folder: Folder with `trainA` and `trainB`.
        load_size: Side in pixels before the random crop.
        image_size: Side in pixels after it.
    """

    def __init__(self, folder: Union[str, Path], load_size: int = 286, image_size: int = 256):
        self.files = [sorted((Path(folder) / f"train{domain}").iterdir()) for domain in "AB"]
        self.load_size = load_size
        self.image_size = image_size

    def __len__(self):
        return max(map(len, self.files))

    def __getitem__(self, index):
        a, b = self.files
        chosen = {"A": a[index % len(a)], "B": random.choice(b)}
        return {
            domain: _seen(
                Image.open(file).convert("RGB"),
                self.load_size,
                self.image_size,
                *_chance(self.load_size, self.image_size),
            )
            for domain, file in chosen.items()
        }


def _chance(load_size, image_size):
    """Draws the left and the upper edge of a window, and whether it is mirrored."""
    margin = load_size - image_size
    return random.randint(0, margin), random.randint(0, margin), random.random() > 0.5


def _seen(image, load_size, image_size, left, top, mirrored):
    """Returns what networks see of an image."""
    image = image.resize((load_size, load_size), Image.BICUBIC)
    image = image.crop((left, top, left + image_size, top + image_size))
    image = image.transpose(Image.FLIP_LEFT_RIGHT) if mirrored else image
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    return pixels.to(torch.float32).div(255).sub(0.5).div(0.5)


def batches(examples: torch.utils.data.Dataset, workers: int = 2):
    """Returns a `DataLoader` of shuffled examples, one a batch; workers stay between epochs."""
    return torch.utils.data.DataLoader(
        examples,
        shuffle=True,
        num_workers=workers,
        persistent_workers=True,
        multiprocessing_context="spawn",
    )


def endless(loader):
    """Yields the batches of a loader, epoch after epoch."""
    while True:
        yield from loader
