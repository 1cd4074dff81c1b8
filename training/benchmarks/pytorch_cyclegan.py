"""CycleGAN of pytorch-CycleGAN-and-pix2pix, restated in PyTorch: network, pool and training step.

Written from its description, to compare with and to measure against. The modules nest as theirs
do, so that state dicts have the same names.
"""

import itertools
import random
from typing import Callable, Optional

import torch
from torch import nn

from training.benchmarks.pytorch_pix2pix import PatchGAN, norm_layer


class Block(nn.Module):
    """A residual block: two reflection-padded 3x3 convolutions, and no activation after the sum."""

    def __init__(self, channels, norm="instance", dropout: bool = False):
        super().__init__()
        normalization, bias = norm_layer(norm)
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            normalization(channels),
            nn.ReLU(),
            *([nn.Dropout(0.5)] if dropout else []),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            normalization(channels),
        )

    def forward(self, x):
        """Adds what the convolutions make of the input to it."""
        return x + self.conv_block(x)


class ResNet(nn.Module):
    """The generator with two halvings, `blocks` residual blocks and two doublings."""

    def __init__(
        self, blocks: int = 9, filters=64, channels=(3, 3), norm="instance", dropout: bool = False
    ):
        super().__init__()
        normalization, bias = norm_layer(norm)

        def normalized(convolution, width):
            return [convolution, normalization(width), nn.ReLU()]

        parts = [nn.ReflectionPad2d(3)]
        parts += normalized(nn.Conv2d(channels[0], filters, 7, bias=bias), filters)
        for width in (filters, 2 * filters):
            down = nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias)
            parts += normalized(down, 2 * width)
        parts += [Block(4 * filters, norm, dropout) for _ in range(blocks)]
        for width in (2 * filters, filters):
            up = nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1, bias=bias)
            parts += normalized(up, width)
        head = nn.Conv2d(filters, channels[1], 7)
        self.model = nn.Sequential(*parts, nn.ReflectionPad2d(3), head, nn.Tanh())

    def forward(self, x):
        """Translates."""
        return self.model(x)


def networks(filters: int = 64, blocks: int = 9, strided: int = 3) -> dict[str, nn.Module]:
    """Builds its four networks by its names: `D_A` judges what `G_A` makes, images of B."""
    generators = {name: ResNet(blocks, filters) for name in ("G_A", "G_B")}
    judges = {name: PatchGAN(3, filters, strided, norm="instance") for name in ("D_A", "D_B")}
    return {**generators, **judges}


def restated(options):
    """Returns the training step and the first translator, see `training.benchmarks`."""
    blocks = options.model["blocks"] or (9 if options.size[0] >= 256 else 6)
    step = Step(networks(options.model["base_filters"], blocks))
    return step, step.networks["G_A"]


def by_chance(size: int) -> Optional[int]:
    """Draws which of `size` kept fakes comes back: by even chance none, or any."""
    return random.randrange(size) if random.random() < 0.5 else None


class Pool:
    """The last `size` fakes, half of which a discriminator sees again; `draw` says which if any."""

    def __init__(self, size: int, draw: Callable = by_chance):
        self.size = size
        self.draw = draw
        self.kept = []

    def __call__(self, fakes):
        """Takes fakes and returns as many, which no gradient leaves."""
        exchanged = []
        for fake in fakes.detach():
            if len(self.kept) < self.size:
                self.kept.append(fake)
            elif self.size and (index := self.draw(self.size)) is not None:
                fake, self.kept[index] = self.kept[index], fake
            exchanged.append(fake)
        return torch.stack(exchanged)


class Step:
    """Its training step: both generators, then both discriminators on fakes made before.

    Args:
        networks: Dict of "G_A", "G_B", "D_A" and "D_B" to networks.
        pools: Dict of "D_A" and "D_B" to `Pool`; by default of 50.
        cycle_weights: Weights of the cycles of A and B, which scale the identities too.
        identity_weight: Weight of the identities.
    """

    def __init__(self, networks, pools=None, *, cycle_weights=(10.0, 10.0), identity_weight=0.5):
        self.networks = {name: network.train() for name, network in networks.items()}
        self.pools = pools or {name: Pool(50) for name in ("D_A", "D_B")}
        self.cycle_weights = cycle_weights
        self.identity_weight = identity_weight
        self.optimizers = {
            kind: torch.optim.Adam(
                itertools.chain(*(networks[f"{kind}_{side}"].parameters() for side in "AB")),
                lr=2e-4,
                betas=(0.5, 0.999),
            )
            for kind in "GD"
        }

    def __call__(self, a, b) -> dict[str, torch.Tensor]:
        """Trains on a batch of each domain, float32 `[batch, 3, height, width]` in [-1, 1].

        Returns:
            Dict of network and term, such as "G_A_cycle", to its weighted loss.
        """
        networks = self.networks
        l1 = nn.functional.l1_loss
        fake_b = networks["G_A"](a)
        returned_a = networks["G_B"](fake_b)
        fake_a = networks["G_B"](b)
        returned_b = networks["G_A"](fake_a)
        weight_a, weight_b = self.cycle_weights

        self._freeze_discriminators(True)
        terms = {
            "G_A_identity": self.identity_weight * weight_b * l1(networks["G_A"](b), b),
            "G_B_identity": self.identity_weight * weight_a * l1(networks["G_B"](a), a),
            "G_A_gan": _judged(networks["D_A"], fake_b, torch.ones_like),
            "G_B_gan": _judged(networks["D_B"], fake_a, torch.ones_like),
            "G_A_cycle": weight_a * l1(returned_a, a),
            "G_B_cycle": weight_b * l1(returned_b, b),
        }
        self.optimizers["G"].zero_grad()
        sum(terms.values()).backward()
        self.optimizers["G"].step()

        self._freeze_discriminators(False)
        self.optimizers["D"].zero_grad()
        for name, real, fake in (("D_A", b, fake_b), ("D_B", a, fake_a)):
            loss = _judged(networks[name], real, torch.ones_like)
            loss = loss + _judged(networks[name], self.pools[name](fake), torch.zeros_like)
            terms[f"{name}_gan"] = 0.5 * loss
            terms[f"{name}_gan"].backward()
        self.optimizers["D"].step()
        return {name: term.detach() for name, term in terms.items()}

    def _freeze_discriminators(self, frozen):
        for name in ("D_A", "D_B"):
            self.networks[name].requires_grad_(not frozen)


def _judged(discriminator, images, labels):
    logits = discriminator(images)
    return nn.functional.mse_loss(logits, labels(logits))
