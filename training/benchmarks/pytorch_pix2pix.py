"""pytorch-CycleGAN-and-pix2pix's networks and training step, restated in PyTorch.

Written from their descriptions, to compare with and to measure against. The modules nest as
theirs do, so that state dicts have the same names.
"""

import torch
from torch import nn

NORMS = {
    "batch": (nn.BatchNorm2d, False),
    "instance": (nn.InstanceNorm2d, True),
    "none": (lambda channels: nn.Identity(), False),
}


def norm_layer(norm):
    """Returns the constructor of a norm, and whether convolutions beside it have a bias.

    `norm` is one of `NORMS`, or such a constructor and answer of one's own.
    """
    return NORMS[norm] if isinstance(norm, str) else norm


class Level(nn.Module):
    """One level of the U-Net around the levels inside it."""

    def __init__(self, outer, inner, inside=None, source=None, norm="batch", dropout: bool = False):
        super().__init__()
        self.outermost = source is not None
        normalization, bias = norm_layer(norm)
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

    def __init__(
        self, depth, filters: int = 64, channels=(3, 3), norm="batch", dropout: bool = True
    ):
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

    def __init__(self, channels, filters: int = 64, strided: int = 3, norm="batch"):
        super().__init__()
        normalization, bias = norm_layer(norm)
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


def restated(options):
    """Returns the training step and the translator, see `training.benchmarks`."""
    filters = options.model["base_filters"]
    generator = UNet(options.size[0].bit_length() - 1, filters, options.channels)
    return Step({"G": generator, "D": PatchGAN(sum(options.channels), filters)}), generator


class Step:
    """Its training step: the discriminator, then the generator against the updated one.

    Args:
        networks: Dict of "G" and "D" to `UNet` and `PatchGAN`.
    """

    def __init__(self, networks):
        self.networks = {name: network.train() for name, network in networks.items()}
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for name, network in networks.items()
        }
        self.cross_entropy = nn.BCEWithLogitsLoss()

    def __call__(self, source, target) -> dict[str, torch.Tensor]:
        """Trains on a batch, float32 `[batch, channels, height, width]` each, in [-1, 1].

        Returns:
            As `learn`.
        """
        return self.learn(source, target, self.networks["G"](source))

    def learn(self, source, target, translated, **extra) -> dict[str, torch.Tensor]:
        """Trains both on a batch that the generator has translated.

        Args:
            source: What the discriminator sees beside targets and translations.
            target: As of a call.
            translated: The same, with its graph.
            **extra: Further weighted losses of the generator.

        Returns:
            Dict of our names of terms to their weighted losses.
        """
        self.networks["D"].requires_grad_(True)
        self.optimizers["D"].zero_grad()
        fake = self._judged(source, translated.detach(), torch.zeros)
        real = self._judged(source, target, torch.ones)
        judging = 0.5 * (fake + real)
        judging.backward()
        self.optimizers["D"].step()

        self.networks["D"].requires_grad_(False)
        self.optimizers["G"].zero_grad()
        terms = {
            "gan": self._judged(source, translated, torch.ones),
            "l1": 100 * nn.functional.l1_loss(translated, target),
            **extra,
        }
        sum(terms.values()).backward()
        self.optimizers["G"].step()
        losses = {f"generator_{name}": term.detach() for name, term in terms.items()}
        return {"discriminator_gan": judging.detach(), **losses}

    def _judged(self, source, judged, labels):
        logits = self.networks["D"](torch.cat([source, judged], 1))
        return self.cross_entropy(logits, labels(logits.shape))
