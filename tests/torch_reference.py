"""pytorch-CycleGAN-and-pix2pix's U-Net and PatchGAN, restated in PyTorch from their descriptions.

The modules nest as theirs do, so that state dicts have the same names.
"""

import torch
from torch import nn


def norm_of(kind):
    """Returns the constructor of a norm, and whether convolutions beside it have a bias."""
    if kind == "batch":
        return nn.BatchNorm2d, False
    return nn.InstanceNorm2d, True


class Level(nn.Module):
    """One level of the U-Net around the levels inside it."""

    def __init__(self, outer, inner, inside=None, source=None, norm="batch", dropout=False):
        super().__init__()
        self.outermost = source is not None
        normalization, bias = norm_of(norm)
        enters = outer if source is None else source
        down = nn.Conv2d(enters, inner, 4, 2, 1, bias=bias)
        from_inside = inner if inside is None else 2 * inner
        up = nn.ConvTranspose2d(from_inside, outer, 4, 2, 1, bias=bias or self.outermost)
        if self.outermost:
            parts = [down, inside, nn.ReLU(), up, nn.Tanh()]
        elif inside is None:
            parts = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, normalization(outer)]
        else:
            before = [nn.LeakyReLU(0.2), down, normalization(inner), inside]
            parts = [*before, nn.ReLU(), up, normalization(outer)]
            parts += [nn.Dropout(0.5)] if dropout else []
        self.model = nn.Sequential(*parts)

    def forward(self, x):
        """Returns the level's output behind its input."""
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class UNet(nn.Module):
    """The U-Net generator with `depth` halvings."""

    def __init__(self, depth, filters=64, channels=(3, 3), norm="batch", dropout=True):
        super().__init__()
        level = Level(8 * filters, 8 * filters, norm=norm)
        for _ in range(depth - 5):
            level = Level(8 * filters, 8 * filters, level, norm=norm, dropout=dropout)
        for factor in (4, 2, 1):
            level = Level(factor * filters, 2 * factor * filters, level, norm=norm)
        self.model = Level(channels[1], filters, level, source=channels[0], norm=norm)

    def forward(self, x):
        """Translates."""
        return self.model(x)


class PatchGAN(nn.Module):
    """The discriminator with `strided` layers of stride 2."""

    def __init__(self, channels, filters=64, strided=3, norm="batch"):
        super().__init__()
        normalization, bias = norm_of(norm)
        parts = [nn.Conv2d(channels, filters, 4, 2, 1), nn.LeakyReLU(0.2)]
        width = filters
        for level in range(1, strided + 1):
            next_width = filters * min(2**level, 8)
            stride = 2 if level < strided else 1
            parts += [
                nn.Conv2d(width, next_width, 4, stride, 1, bias=bias),
                normalization(next_width),
                nn.LeakyReLU(0.2),
            ]
            width = next_width
        self.model = nn.Sequential(*parts, nn.Conv2d(width, 1, 4, 1, 1))

    def forward(self, x):
        """Judges."""
        return self.model(x)


class PixelGAN(nn.Module):
    """The discriminator of single pixels."""

    def __init__(self, channels, filters=64, norm="batch"):
        super().__init__()
        normalization, bias = norm_of(norm)
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
