"""pix2pixHD restated in PyTorch: networks and training step.

Written from its description, to compare with and to measure against. The modules nest as the
reference's do, so that state dicts have the same names.
"""

import itertools

import torch
from torch import nn

from training.benchmarks.pytorch_cyclegan import Block
from training.benchmarks.pytorch_pix2pix import norm_layer


def _normalized(convolution, width):
    normalization, _ = norm_layer("instance")
    return [convolution, normalization(width), nn.ReLU()]


def _head(filters, channels):
    return [nn.ReflectionPad2d(3), nn.Conv2d(filters, channels, 7), nn.Tanh()]


def _pool():
    return nn.AvgPool2d(3, 2, 1, count_include_pad=False)


def _global(channels, filters, halvings, blocks):
    """Returns the layers of a global generator but the last three, its head."""
    parts = [nn.ReflectionPad2d(3), *_normalized(nn.Conv2d(channels, filters, 7), filters)]
    for level in range(halvings):
        width = filters * 2**level
        parts += _normalized(nn.Conv2d(width, 2 * width, 3, 2, 1), 2 * width)
    parts += [Block(filters * 2**halvings) for _ in range(blocks)]
    for level in reversed(range(halvings)):
        width = filters * 2**level
        up = nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1)
        parts += _normalized(up, width)
    return parts


class GlobalGenerator(nn.Module):
    """The generator of the first stage; without blocks, of images to features, the encoder."""

    def __init__(self, channels, outputs: int = 3, filters=64, halvings: int = 4, blocks: int = 9):
        super().__init__()
        self.model = nn.Sequential(
            *_global(channels, filters, halvings, blocks), *_head(filters, outputs)
        )

    def forward(self, x):
        """Translates."""
        return self.model(x)


class LocalEnhancer(nn.Module):
    """The generator of the second stage, of `filters` at full size, and the global one in it."""

    def __init__(
        self,
        channels,
        outputs: int = 3,
        filters=32,
        halvings: int = 4,
        blocks: int = 9,
        enhancers: int = 1,
        local_blocks: int = 3,
    ):
        super().__init__()
        self.enhancers = enhancers
        widest = filters * 2**enhancers
        self.model = nn.Sequential(*_global(channels, widest, halvings, blocks))
        for number in range(1, enhancers + 1):
            width = widest // 2**number
            down = [nn.ReflectionPad2d(3), *_normalized(nn.Conv2d(channels, width, 7), width)]
            down += _normalized(nn.Conv2d(width, 2 * width, 3, 2, 1), 2 * width)
            up = [Block(2 * width) for _ in range(local_blocks)]
            transposed = nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1)
            up += _normalized(transposed, width)
            up += _head(width, outputs) if number == enhancers else []
            setattr(self, f"model{number}_1", nn.Sequential(*down))
            setattr(self, f"model{number}_2", nn.Sequential(*up))
        self.downsample = _pool()

    def forward(self, x):
        """Translates."""
        pyramid = [x]
        for _ in range(self.enhancers):
            pyramid.append(self.downsample(pyramid[-1]))
        y = self.model(pyramid.pop())
        for number in range(1, self.enhancers + 1):
            down, up = (getattr(self, f"model{number}_{part}") for part in (1, 2))
            y = up(down(pyramid.pop()) + y)
        return y


class MultiscaleDiscriminator(nn.Module):
    """Discriminators of several scales, the coarsest first, that answer with all outputs."""

    def __init__(self, channels, filters=64, layers: int = 3, scales: int = 2):
        super().__init__()
        normalization, _ = norm_layer("instance")
        self.scales, self.layers = scales, layers
        for scale in range(scales):
            parts = [[nn.Conv2d(channels, filters, 4, 2, 2), nn.LeakyReLU(0.2)]]
            for level in range(1, layers + 1):
                before, width = (filters * min(2**n, 8) for n in (level - 1, level))
                convolution = nn.Conv2d(before, width, 4, 2 if level < layers else 1, 2)
                parts.append([convolution, normalization(width), nn.LeakyReLU(0.2)])
            parts.append([nn.Conv2d(width, 1, 4, 1, 2)])
            for level, part in enumerate(parts):
                setattr(self, f"scale{scale}_layer{level}", nn.Sequential(*part))
        self.downsample = _pool()

    def forward(self, x) -> list[list[torch.Tensor]]:
        """Judges at every scale."""
        outputs = []
        for scale in reversed(range(self.scales)):
            y, of_scale = x, []
            for level in range(self.layers + 2):
                y = getattr(self, f"scale{scale}_layer{level}")(y)
                of_scale.append(y)
            outputs.insert(0, of_scale)
            x = self.downsample(x)
        return outputs


def boundaries(instances):
    """Returns where ids differ from those of one of four neighbours, as 0 and 1."""
    found = torch.zeros_like(instances, dtype=torch.bool)
    right = instances[..., 1:] != instances[..., :-1]
    below = instances[..., 1:, :] != instances[..., :-1, :]
    found[..., 1:] |= right
    found[..., :-1] |= right
    found[..., 1:, :] |= below
    found[..., :-1, :] |= below
    return found.float()


def shown(labels, instances):
    """Returns what networks see of one-hot classes, 1 and -1, and of ids."""
    return torch.cat([(labels + 1) / 2, boundaries(instances)], 1)


def instance_means(features, instances):
    """Returns the mean of features over each instance of each image."""
    means = features.clone()
    for image, ids in enumerate(instances[:, 0]):
        for one in torch.unique(ids):
            inside = ids == one
            means[image][:, inside] = features[image][:, inside].mean(1, keepdim=True)
    return means


def restated(options):
    """Returns the training step and the translator, see `training.benchmarks`."""
    model = options.model
    sizes = {name: model[name] for name in ("halvings", "blocks")}
    channels = options.classes + 1
    if model["enhancers"]:
        generator = LocalEnhancer(
            channels,
            filters=model["base_filters"] // 2 ** model["enhancers"],
            enhancers=model["enhancers"],
            local_blocks=model["enhancer_blocks"],
            **sizes,
        )
    else:
        generator = GlobalGenerator(channels, filters=model["base_filters"], **sizes)
    discriminator = MultiscaleDiscriminator(
        channels + 3, model["discriminator_filters"], model["discriminator_layers"], model["scales"]
    )

    def translate(labels, instances):
        return generator(shown(labels, instances))

    return Step(generator, discriminator), translate


class Step:
    """Its training step without perceptual loss: one translation, the generator, the discriminator.

    Args:
        generator: Of joined channels to images.
        discriminator: `MultiscaleDiscriminator`.
        encoder: Of images to features, if any.
        feature_weight: Weight of the feature matching.
    """

    def __init__(self, generator, discriminator, encoder=None, *, feature_weight=10.0):
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.networks |= {"encoder": encoder} if encoder else {}
        self.generator = generator.train()
        self.discriminator = discriminator.train()
        self.encoder = encoder and encoder.train()
        self.feature_weight = feature_weight
        translators = [generator.parameters(), *([encoder.parameters()] if encoder else [])]
        self.optimizers = [
            torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))
            for parameters in (itertools.chain(*translators), discriminator.parameters())
        ]

    def __call__(self, labels, instances, photo) -> dict[str, torch.Tensor]:
        """Trains on one batch: one-hot 1 and -1, ids, photos in [-1, 1], `[batch, *, h, w]`.

        Returns:
            Dict of term to its weighted loss.
        """
        condition = shown(labels, instances)
        features = [instance_means(self.encoder(photo), instances)] if self.encoder else []
        fake = self.generator(torch.cat([condition, *features], 1))
        of_detached = self.discriminator(torch.cat([condition, fake.detach()], 1))
        of_real = self.discriminator(torch.cat([condition, photo], 1))
        of_fake = self.discriminator(torch.cat([condition, fake], 1))
        square = nn.functional.mse_loss
        terms = {"discriminator_gan": 0, "generator_gan": 0, "generator_features": 0}
        for detached, real, judged in zip(of_detached, of_real, of_fake):
            fooled = square(judged[-1], torch.ones_like(judged[-1]))
            terms["generator_gan"] = terms["generator_gan"] + fooled
            terms["discriminator_gan"] = terms["discriminator_gan"] + 0.5 * (
                square(detached[-1], torch.zeros_like(detached[-1]))
                + square(real[-1], torch.ones_like(real[-1]))
            )
            weight = self.feature_weight * 4 / (len(real) - 1) / len(of_real)
            for one, other in zip(judged[:-1], real[:-1]):
                error = weight * nn.functional.l1_loss(one, other.detach())
                terms["generator_features"] = terms["generator_features"] + error
        objectives = (
            terms["generator_gan"] + terms["generator_features"],
            terms["discriminator_gan"],
        )
        for optimizer, objective in zip(self.optimizers, objectives):
            optimizer.zero_grad()
            objective.backward()
            optimizer.step()
        return {name: term.detach() for name, term in terms.items()}
