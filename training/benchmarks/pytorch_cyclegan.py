"""The ResNet generator of pytorch-CycleGAN-and-pix2pix, restated in PyTorch.

Written from its description, to compare with and to measure against. The modules nest as theirs
do, so that state dicts have the same names.
"""

from torch import nn

from training.benchmarks.pytorch_step import norm_layer


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
        self,
        blocks: int = 9,
        filters: int = 64,
        channels=(3, 3),
        norm="instance",
        dropout: bool = False,
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
