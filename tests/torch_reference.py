"""Networks of pytorch-CycleGAN-and-pix2pix that `training.benchmarks.pytorch_step` has not."""

import torch
from torch import nn

from training.benchmarks.pytorch_step import PatchGAN, UNet, norm_layer

__all__ = ["PatchGAN", "PixelGAN", "UNet", "randomized"]


class PixelGAN(nn.Module):
    """The discriminator of single pixels."""

    def __init__(self, channels, filters=64, norm="batch"):
        super().__init__()
        normalization, bias = norm_layer(norm)
        self.net = nn.Sequential(
            nn.Conv2d(channels, filters, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(filters, 2 * filters, 1, bias=bias),
            normalization(2 * filters),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * filters, 1, 1, bias=bias),
        )

    def forward(self, x):
        """Judges."""
        return self.net(x)


def randomized(network, seed=0):
    """Draws every weight and statistic of a network anew."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                spread = 0.05 if value.dim() == 4 else 0.2
                value.copy_(spread * torch.randn(value.shape, generator=generator))
                if value.dim() == 1 and ("running_var" in name or name.endswith("weight")):
                    value.add_(1.0).abs_()
    return network
