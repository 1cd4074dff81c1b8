"""TwinGAN restated in PyTorch: networks of a stable phase, domain norms and training step.

Written from the article and its code's description, to compare with and to measure against. Parts
of the networks are named as ours.
"""

import copy

import torch
from torch import nn
from torch.nn import functional

SMALLEST = 4  # Pixels of a side of the embedding.


class DomainNorm(nn.Module):
    """Batch norm with a scale and a shift for each domain, and statistics for each path."""

    def __init__(self, channels: int, domains: int, paths: int, momentum: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(domains, channels))
        self.bias = nn.Parameter(torch.zeros(domains, channels))
        self.register_buffer("running_mean", torch.zeros(paths, channels))
        self.register_buffer("running_var", torch.ones(paths, channels))
        self.momentum = momentum

    def forward(self, x, domain, path):
        """Normalizes a batch of one domain and path."""
        statistics = self.running_mean[path], self.running_var[path]
        scaling = self.weight[domain], self.bias[domain]
        rate = 1.0 - self.momentum
        return functional.batch_norm(x, *statistics, *scaling, self.training, rate, 1e-3)


class Unit(nn.Module):
    """A convolution, domain norm, leaky ReLU and pixel norm."""

    def __init__(self, channels, filters, size=3, **norm):
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, size, padding="same", bias=False)
        nn.init.normal_(self.conv.weight, std=0.02)
        self.norm = DomainNorm(filters, **norm)

    def forward(self, x, domain, path):
        """Convolves and normalizes."""
        x = functional.leaky_relu(self.norm(self.conv(x), domain, path), 0.2)
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)


class Widths:
    """How many filters maps of a side have."""

    def __init__(self, size: int, base: int, most: int):
        self.sides = [SMALLEST << n for n in range((size // SMALLEST).bit_length())]
        self.base = base
        self.most = most

    def __getitem__(self, side):
        return min(self.base * SMALLEST // side, self.most)


class Encoder(nn.Module):
    """From images to the embedding and the maps of the skips, from the smallest."""

    def __init__(self, widths, skip_size: int, **norm):
        super().__init__()
        self.sides = widths.sides[:0:-1]
        self.skip_size = skip_size
        largest = widths.sides[-1]
        self.units = nn.ModuleDict({f"from{largest}": Unit(3, widths[largest], 1, **norm)})
        for side in self.sides:
            self.units[f"down{side}_first"] = Unit(widths[side], widths[side], **norm)
            self.units[f"down{side}_second"] = Unit(widths[side], widths[side // 2], **norm)

    def forward(self, x, domain: int, path: int):
        """Encodes images of a domain; the path tells real from made ones."""
        units = list(self.units.values())
        x = units[0](x, domain, path)
        skips = []
        for level, side in enumerate(self.sides):
            x = units[2 * level + 1](x, domain, path)
            x = units[2 * level + 2](x, domain, path)
            if side <= self.skip_size:
                skips.insert(0, x)
            x = functional.avg_pool2d(x, 2)
        return [x, *skips]


class Generator(nn.Module):
    """From what an encoder returns to images."""

    def __init__(self, widths, skip_size: int, **norm):
        super().__init__()
        smallest = widths[SMALLEST]
        self.units = nn.ModuleDict(
            {f"base4_{place}": Unit(smallest, smallest, **norm) for place in ("first", "second")}
        )
        for side in widths.sides[1:]:
            joined = 2 if side <= skip_size else 1
            self.units[f"up{side}_first"] = Unit(joined * widths[side // 2], widths[side], **norm)
            self.units[f"up{side}_second"] = Unit(widths[side], widths[side], **norm)
        largest = widths.sides[-1]
        self.to_image = nn.Conv2d(widths[largest], 3, 1, bias=False)
        nn.init.normal_(self.to_image.weight, std=0.02)
        self.image_scale = nn.Parameter(torch.ones(norm["domains"], 3))
        self.image_shift = nn.Parameter(torch.zeros(norm["domains"], 3))

    def forward(self, codes, domain: int, path: int):
        """Makes images of a domain; the path tells whose codes they are."""
        x, *skips = codes
        units = list(self.units.values())
        for unit in units[:2]:
            x = unit(x, domain, path)
        for level in range(1, len(units) // 2):
            x = functional.interpolate(x, scale_factor=2)
            if level <= len(skips):
                x = torch.cat([x, skips[level - 1]], 1)
            for unit in units[2 * level : 2 * level + 2]:
                x = unit(x, domain, path)
        parts = self.image_scale, self.image_shift
        scale, shift = (part[domain, :, None, None] for part in parts)
        return self.to_image(x) * scale + shift


class Discriminator(nn.Module):
    """From images to a logit each."""

    def __init__(self, widths):
        super().__init__()
        largest, smallest = widths.sides[-1], widths[SMALLEST]
        self.levels = len(widths.sides) - 1
        self.units = nn.ModuleDict({f"from{largest}": nn.Conv2d(3, widths[largest], 1)})
        for side in widths.sides[:0:-1]:
            for place, filters in (("first", widths[side]), ("second", widths[side // 2])):
                unit = nn.Conv2d(widths[side], filters, 3, padding="same")
                self.units[f"down{side}_{place}"] = unit
        self.units["head_first"] = nn.Conv2d(smallest + 1, smallest, 3, padding="same")
        self.units["head_second"] = nn.Conv2d(smallest, smallest, SMALLEST)
        self.units["head_logit"] = nn.Conv2d(smallest, 1, 1)
        for unit in self.units.values():
            nn.init.kaiming_normal_(unit.weight)
            nn.init.zeros_(unit.bias)

    def forward(self, x):
        """Judges."""
        units = list(self.units.values())
        x = functional.leaky_relu(units[0](x), 0.2)
        for level in range(self.levels):
            for unit in units[2 * level + 1 : 2 * level + 3]:
                x = functional.leaky_relu(unit(x), 0.2)
            x = functional.avg_pool2d(x, 2)
        deviation = (x.var(0, correction=0) + 1e-8).sqrt().mean()
        x = torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], 1)
        for unit in units[-3:-1]:
            x = functional.leaky_relu(unit(x), 0.2)
        return units[-1](x)


def networks(
    size: int, *, base: int = 256, most: int = 48, skip_size: int = 16, momentum: float = 0.95
) -> dict[str, nn.Module]:
    """Builds the players of the stable phase of a side in pixels, by our names."""
    widths = Widths(size, base, most)
    norm = {"domains": 2, "paths": 4, "momentum": momentum}
    return {
        "encoder": Encoder(widths, skip_size, **norm),
        "generator": Generator(widths, skip_size, **norm),
        **{f"discriminator_{domain}": Discriminator(widths) for domain in "AB"},
    }


def restated(options):
    """Returns the training step and the translator from A to B, see `training.benchmarks`."""
    model = options.model
    made = networks(
        options.size[0],
        base=model["base_filters"],
        most=model["most_filters"],
        skip_size=model["skip_size"],
        momentum=model["momentum"],
    )

    def translate(images):
        codes = made["encoder"](images, 0, 0)
        return made["generator"](codes, 1, 1).clamp(-1, 1)

    return Step(made, penalty_weight=model["penalty_weight"]), translate


class Step:
    """Its training step: all players from one state, with R1 and averages of weights.

    Args:
        networks: Dict of our players' names to networks.
        content_weight: Weight of the L1 of embeddings.
        penalty_weight: Weight of half the squared gradient norm at real images in [0, 1].
    """

    def __init__(self, networks, *, content_weight: float = 0.1, penalty_weight: float = 10.0):
        self.networks = {name: network.train() for name, network in networks.items()}
        self.content_weight = content_weight
        self.penalty_weight = penalty_weight
        self.translators = [networks[name] for name in ("encoder", "generator")]
        self.discriminators = [networks[f"discriminator_{domain}"] for domain in "AB"]
        self.weights = [p for network in self.translators for p in network.parameters()]
        judging = [p for network in self.discriminators for p in network.parameters()]
        groups = [{"params": self.weights, "lr": 3e-4}, {"params": judging, "lr": 1.2e-3}]
        self.optimizer = torch.optim.Adam(groups, betas=(0.5, 0.99), eps=1e-8, fused=True)
        self.averages = [copy.deepcopy(weight.detach()) for weight in self.weights]

    def __call__(self, a, b) -> dict[str, torch.Tensor]:
        """Trains on a batch of each domain, float32 `[batch, 3, side, side]` in [-1, 1].

        Returns:
            Dict of our names of terms to their weighted losses.
        """
        self.optimizer.zero_grad()
        real = (a, b)
        encode, generate = self.translators
        codes = [encode(images, domain, domain) for domain, images in enumerate(real)]
        same = [generate(codes[domain], domain, 3 * domain) for domain in (0, 1)]
        made = [generate(codes[1 - domain], domain, 2 - domain) for domain in (0, 1)]
        again = [encode(made[1 - domain], 1 - domain, 3 - domain) for domain in (0, 1)]

        self._freeze_discriminators(True)
        terms = {}
        for domain, name in enumerate("AB"):
            logits = self.discriminators[domain](made[domain])
            reconstruction = 0.5 * functional.l1_loss(same[domain], real[domain])
            content = functional.l1_loss(codes[domain][0], again[domain][0])
            terms[f"generator_gan_{name}"] = functional.softplus(-logits).mean()
            terms[f"generator_reconstruction_{name}"] = reconstruction
            terms[f"generator_content_{name}"] = self.content_weight * content
        sum(terms.values()).backward()

        self._freeze_discriminators(False)
        for domain, name in enumerate("AB"):
            judge = self.discriminators[domain]
            images = real[domain].detach().requires_grad_()
            # What is compiled cannot be differentiated twice.
            real_logits = judge.forward(images)
            fake_logits = judge(made[domain].detach())
            gan = functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()
            (slopes,) = torch.autograd.grad(real_logits.sum(), images, create_graph=True)
            # Images in [0, 1] have twice the slopes.
            power = (2.0 * slopes).square().sum((1, 2, 3)).mean()
            terms[f"discriminator_{name}_gan"] = gan
            terms[f"discriminator_{name}_penalty"] = 0.5 * self.penalty_weight * power
            weights = list(judge.parameters())
            loss = gan + terms[f"discriminator_{name}_penalty"]
            loss.backward(inputs=weights)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, self.weights, 0.01)
        return {name: term.detach() for name, term in terms.items()}

    def _freeze_discriminators(self, frozen):
        for network in self.discriminators:
            network.requires_grad_(not frozen)
