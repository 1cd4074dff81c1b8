"""Colours with hints (Zhang et al., 2017) on pix2pix' networks, restated in PyTorch.

Written from its description, to compare with and to measure against: the generator sees hints as
squares of colour and where they are, the discriminator does not.
"""

import functools

import torch
from torch import nn

from training.benchmarks import pytorch_pix2pix
from training.benchmarks.pytorch_pix2pix import PatchGAN, UNet

NORM = (functools.partial(nn.InstanceNorm2d, affine=True), False)
HINT_WEIGHT = 10.0


def networks(size: int, filters: int, channels=(1, 2), strided: int = 3) -> dict[str, nn.Module]:
    """Builds its two networks for images of a side in pixels, "G" and "D"."""
    source, target = channels
    depth = size.bit_length() - 1
    generator = UNet(depth, filters, (source + target + 1, target), NORM, dropout=False)
    return {"G": generator, "D": PatchGAN(source + target, filters, strided, NORM)}


def restated(options):
    """Returns the training step and the translator, see `training.benchmarks`."""
    model = options.model
    strided = ((model["receptive_field"] + 2) // 9).bit_length() - 1
    made = networks(options.size[0], model["base_filters"], options.channels, strided)

    def translate(source, points):
        return made["G"](torch.cat([source, painted(points, source)], 1))

    return Step(made), translate


def painted(points, source):
    """Paints squares one after the other, as the reference does.

    Args:
        points: float32 `[batch, points, 3 + values]`: row, column and radius in pixels, and values.
        source: `[batch, channels, height, width]`.

    Returns:
        float32 `[batch, values + 1, height, width]`: the values, and 1 where there are any.
    """
    maps = source.new_zeros(len(source), points.shape[-1] - 2, *source.shape[2:])
    for image, rows in zip(maps, points.tolist()):
        for y, x, radius, *values in rows:
            if radius >= 0:
                top, left = round(y - radius), round(x - radius)
                square = image[
                    :, top : top + int(2 * radius + 1), left : left + int(2 * radius + 1)
                ]
                square[:] = torch.tensor([*values, 1.0])[:, None, None]
    return maps


class Step(pytorch_pix2pix.Step):
    """Its training step: that of pix2pix, but for the hints."""

    def __call__(self, source, points, target) -> dict[str, torch.Tensor]:
        """Trains on a batch, float32 `[batch, channels, height, width]` in [-1, 1], and points.

        Returns:
            Dict of our names of terms to their weighted losses.
        """
        hints = painted(points, source)
        translated = self.networks["G"](torch.cat([source, hints], 1))
        mask = hints[:, -1:]
        error = mask * (translated - hints[:, :-1]).abs().mean(1, keepdim=True)
        distance = error.sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1)
        return self.learn(source, target, translated, hints=HINT_WEIGHT * distance.mean())
