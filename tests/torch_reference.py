"""Networks of pytorch-CycleGAN-and-pix2pix, and what tests do with them."""

import numpy as np
import torch
from torch import nn

from training.benchmarks.pytorch_cyclegan import ResNet
from training.benchmarks.pytorch_pix2pix import PatchGAN, UNet, norm_layer

__all__ = ["PatchGAN", "PixelGAN", "ResNet", "UNet", "randomized", "saved", "translated"]


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


def randomized(network, seed=0, *, deviation=0.05):
    """Draws all weights and statistics of a network but blurs anew; kernels with this deviation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.dtype.is_floating_point and not name.endswith(".filt"):
                spread = deviation if value.dim() == 4 else 0.2
                value.copy_(spread * torch.randn(value.shape, generator=generator))
                if value.dim() == 1 and ("running_var" in name or name.endswith("weight")):
                    value.add_(1.0).abs_()
    return network


def saved(folder, **networks):
    """Draws networks anew and saves them under the reference's names; returns the paths."""
    paths = []
    for name, network in networks.items():
        path = folder / f"latest_net_{name}.pth"
        torch.save(randomized(network).state_dict(), path)
        paths.append(path)
    return paths


def translated(network, *images, training=True):
    """Returns what a network makes of images `[batch, height, width, channels]`, without dropout.

    With several images they are joined along their channels.
    """
    network.train(training)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    channels_first = [torch.from_numpy(np.array(image).transpose(0, 3, 1, 2)) for image in images]
    with torch.no_grad():
        return network(torch.cat(channels_first, 1)).numpy().transpose(0, 2, 3, 1)
