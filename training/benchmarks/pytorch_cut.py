"""CUT and FastCUT of contrastive-unpaired-translation, restated in PyTorch: networks and step.

Written from their description, to compare with and to measure against. The modules nest as theirs
do, so that state dicts have the same names.
"""

import random
from typing import Callable, Optional

import torch
from torch import nn

from training.benchmarks.pytorch_cyclegan import Block, ResNet
from training.benchmarks.pytorch_pix2pix import PatchGAN, norm_layer

TEMPERATURE = 0.07


class Blur(nn.Module):
    """Blurs by a fixed kernel, and halves or doubles the sides."""

    def __init__(self, channels: int, taps, *, doubles: bool = False):
        super().__init__()
        taps = torch.tensor(taps)
        kernel = torch.outer(taps, taps)
        kernel = kernel / kernel.sum() * (4 if doubles else 1)
        self.register_buffer("filt", kernel.repeat(channels, 1, 1, 1))
        self.doubles = doubles
        self.pad = nn.ReplicationPad2d(1) if doubles else nn.ReflectionPad2d(1)

    def forward(self, x):
        """Blurs."""
        if not self.doubles:
            return nn.functional.conv2d(self.pad(x), self.filt, stride=2, groups=x.shape[1])
        # PyTorch 2.13 compiles a gradient of the padding that fails on its strides.
        padded = _repeated_border(x) if torch.compiler.is_compiling() else self.pad(x)
        x = nn.functional.conv_transpose2d(
            padded, self.filt, stride=2, padding=2, groups=x.shape[1]
        )
        return x[:, :, 1:-1, 1:-1]


def _repeated_border(x):
    x = torch.cat([x[:, :, :1], x, x[:, :, -1:]], 2)
    return torch.cat([x[..., :1], x, x[..., -1:]], 3)


def halving(channels: int) -> Blur:
    """Returns the blur that halves."""
    return Blur(channels, [1.0, 2.0, 1.0])


def doubling(channels: int) -> Blur:
    """Returns the blur that doubles."""
    return Blur(channels, [1.0, 3.0, 3.0, 1.0], doubles=True)


class BlurredResNet(nn.Module):
    """The generator with `blocks` residual blocks, which halves and doubles by blurs."""

    def __init__(self, blocks: int = 9, filters: int = 64, channels=(3, 3), norm="instance"):
        super().__init__()
        normalization, bias = norm_layer(norm)

        def normalized(convolution, width):
            return [convolution, normalization(width), nn.ReLU()]

        parts = [nn.ReflectionPad2d(3)]
        parts += normalized(nn.Conv2d(channels[0], filters, 7, bias=bias), filters)
        for width in (filters, 2 * filters):
            down = nn.Conv2d(width, 2 * width, 3, 1, 1, bias=bias)
            parts += [*normalized(down, 2 * width), halving(2 * width)]
        parts += [Block(4 * filters, norm) for _ in range(blocks)]
        for width in (2 * filters, filters):
            up = nn.Conv2d(2 * width, width, 3, 1, 1, bias=bias)
            parts += [doubling(2 * width), *normalized(up, width)]
        head = nn.Conv2d(filters, channels[1], 7)
        self.model = nn.Sequential(*parts, nn.ReflectionPad2d(3), head, nn.Tanh())

    def forward(self, x):
        """Translates."""
        return self.model(x)


class BlurredPatchGAN(nn.Module):
    """The discriminator with `strided` blurs that halve."""

    def __init__(self, channels: int, filters: int = 64, strided: int = 3, norm="instance"):
        super().__init__()
        normalization, bias = norm_layer(norm)
        parts = [nn.Conv2d(channels, filters, 4, 1, 1), nn.LeakyReLU(0.2), halving(filters)]
        width = filters
        for level in range(1, strided + 1):
            next_width = filters * min(2**level, 8)
            parts += [
                nn.Conv2d(width, next_width, 4, 1, 1, bias=bias),
                normalization(next_width),
                nn.LeakyReLU(0.2),
                *([halving(next_width)] if level < strided else []),
            ]
            width = next_width
        self.model = nn.Sequential(*parts, nn.Conv2d(width, 1, 4, 1, 1))

    def forward(self, x):
        """Judges."""
        return self.model(x)


class Generator(nn.Module):
    """A generator that also returns maps of its first half, by the numbers of its modules."""

    def __init__(self, network):
        super().__init__()
        self.model = network.model
        modules = list(self.model)
        halvings = [4, 8] if isinstance(network, BlurredResNet) else [4, 7]
        blocks = [number for number, module in enumerate(modules) if isinstance(module, Block)]
        chosen = dict.fromkeys((blocks[0], blocks[min(5, len(blocks)) - 1]))
        self.maps = [0, *halvings, *chosen]

    def forward(self, x, encode: bool = False):
        """Translates; or returns the maps and computes no further than the last one."""
        if not encode:
            return self.model(x)
        maps = []
        for number, module in enumerate(self.model[: self.maps[-1] + 1]):
            x = module(x)
            if number in self.maps:
                maps.append(x)
        return maps


class Projector(nn.Module):
    """Two dense layers for each map, whose results have length 1."""

    def __init__(self, channels, units: int = 256):
        super().__init__()
        self.count = len(channels)
        for number, width in enumerate(channels):
            layers = [nn.Linear(width, units), nn.ReLU(), nn.Linear(units, units)]
            setattr(self, f"mlp_{number}", nn.Sequential(*layers))

    def forward(self, pixels):
        """Projects a list of `[batch * patches, channels]`."""
        vectors = []
        for number, x in enumerate(pixels):
            x = getattr(self, f"mlp_{number}")(x)
            vectors.append(x / (x.pow(2).sum(1, keepdim=True).pow(0.5) + 1e-7))
        return vectors


def networks(
    filters: int = 64,
    blocks: int = 9,
    strided: int = 3,
    *,
    antialiased: bool = True,
    units: int = 256,
) -> dict[str, nn.Module]:
    """Builds its three networks by its names."""
    resnet, patchgan = (BlurredResNet, BlurredPatchGAN) if antialiased else (ResNet, PatchGAN)
    generator = Generator(resnet(blocks, filters))
    widths = [3, 2 * filters, 4 * filters, *[4 * filters] * (len(generator.maps) - 3)]
    judge = patchgan(3, filters, strided, norm="instance")
    return {"G": generator, "D": judge, "F": Projector(widths, units)}


def restated(options):
    """Returns the training step and the translator, see `training.benchmarks`."""
    model = options.model
    blocks = model["blocks"] or (9 if options.size[0] >= 256 else 6)
    strided = {16: 1, 34: 2, 70: 3, 142: 4, 286: 5}[model["receptive_field"]]
    built = networks(
        model["base_filters"],
        blocks,
        strided,
        antialiased=model["antialiased"],
        units=model["projection"],
    )
    names = ("nce_weight", "identity", "patches")
    step = Step(
        built, mirrored=model["mirrored"] == "half", **{name: model[name] for name in names}
    )
    return step, step.networks["G"]


def by_chance(pixels: int, patches: int):
    """Draws distinct places of a map."""
    return torch.randperm(pixels)[:patches]


class Step:
    """Its training step: the discriminator, then generator and projector against it.

    Args:
        networks: Dict of "G", "D" and "F".
        nce_weight: Weight of the contrastive terms.
        identity: Whether images of the target domain are compared with their translations too.
        mirrored: Whether half of the sources are mirrored.
        patches: Places of each map that are compared.
        draw: Function of the pixels of a map and how many to places.
        toss: Function of nothing to whether this step is mirrored.
    """

    def __init__(
        self,
        networks,
        *,
        nce_weight: float = 1.0,
        identity: bool = True,
        mirrored: bool = False,
        patches: int = 256,
        draw: Callable = by_chance,
        toss: Optional[Callable] = None,
    ):
        self.networks = {name: network.train() for name, network in networks.items()}
        self.nce_weight = nce_weight
        self.identity = identity
        self.mirrored = mirrored
        self.patches = patches
        self.draw = draw
        self.toss = toss or (lambda: random.random() < 0.5)
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for name, network in networks.items()
        }

    def __call__(self, source, target) -> dict[str, torch.Tensor]:
        """Trains on a batch of each domain, float32 `[batch, 3, height, width]` in [-1, 1].

        Returns:
            Dict of our names of terms to their weighted losses.
        """
        judge = self.networks["D"]
        real = torch.cat([source, target]) if self.identity else source
        mirrored = self.mirrored and self.toss()
        made = self.networks["G"](real.flip(3) if mirrored else real)
        translated = made[: len(source)]

        judge.requires_grad_(True)
        self.optimizers["D"].zero_grad()
        judging = 0.5 * (_squared(judge(translated.detach()), 0.0) + _squared(judge(target), 1.0))
        judging.backward()
        self.optimizers["D"].step()

        judge.requires_grad_(False)
        for name in ("G", "F"):
            self.optimizers[name].zero_grad()
        terms = {"generator_gan": _squared(judge(translated), 1.0)}
        weight = self.nce_weight / (2 if self.identity else 1)
        terms["generator_nce"] = weight * self._nce(source, translated, mirrored)
        if self.identity:
            terms["generator_identity"] = weight * self._nce(target, made[len(source) :], mirrored)
        sum(terms.values()).backward()
        for name in ("G", "F"):
            self.optimizers[name].step()
        terms["discriminator_gan"] = judging
        return {name: term.detach() for name, term in terms.items()}

    def _nce(self, source, translated, mirrored):
        queries = self.networks["G"](translated, True)
        queries = [maps.flip(3) for maps in queries] if mirrored else queries
        keys = self.networks["G"](source, True)
        places = [self.draw(maps[0, 0].numel(), self.patches) for maps in keys]
        keys, queries = (
            self.networks["F"]([_pixels_at(*both) for both in zip(maps, places)])
            for maps in (keys, queries)
        )
        losses = [_patch_nce(q, k.detach(), len(source)) for q, k in zip(queries, keys)]
        return sum(losses) / len(losses)


def _pixels_at(maps, places):
    return maps.permute(0, 2, 3, 1).flatten(1, 2)[:, places].flatten(0, 1)


def _patch_nce(queries, keys, batch):
    own = (queries * keys).sum(1, keepdim=True)
    queries, keys = (vectors.view(batch, -1, vectors.shape[1]) for vectors in (queries, keys))
    others = queries @ keys.transpose(1, 2)
    patches = others.shape[1]
    others.diagonal(dim1=1, dim2=2).fill_(-10.0)
    logits = torch.cat([own, others.view(-1, patches)], 1) / TEMPERATURE
    labels = torch.zeros(len(logits), dtype=torch.long)
    return nn.functional.cross_entropy(logits, labels)


def _squared(logits, label):
    return (logits - label).square().mean()
