"""The data path of pytorch-CycleGAN-and-pix2pix, restated to measure against.

Its aligned data set opens a file, resizes each half by Pillow's bicubic kernel, cuts one
window of both, mirrors both or none, and scales to [-1, 1]; a `DataLoader` with workers does so.
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
        left = random.randint(0, self.load_size - self.image_size)
        top = random.randint(0, self.load_size - self.image_size)
        mirrored = random.random() > 0.5
        halves = []
        for edge in (0, middle):
            half = both.crop((edge, 0, edge + middle, both.height))
            half = half.resize((self.load_size, self.load_size), Image.BICUBIC)
            half = half.crop((left, top, left + self.image_size, top + self.image_size))
            half = half.transpose(Image.FLIP_LEFT_RIGHT) if mirrored else half
            pixels = torch.from_numpy(np.array(half)).permute(2, 0, 1).contiguous()
            halves.append(pixels.to(torch.float32).div(255).sub(0.5).div(0.5))
        return {"A": halves[0], "B": halves[1]}


def batches(folder: Path, load_size: int = 286, image_size: int = 256, workers: int = 2):
    """Returns a `DataLoader` of shuffled pairs, one a batch, whose workers stay between epochs."""
    return torch.utils.data.DataLoader(
        AlignedPairs(folder, load_size, image_size),
        shuffle=True,
        num_workers=workers,
        persistent_workers=True,
        multiprocessing_context="spawn",
    )
