"""Conventions: what the paper leaves open, as each known implementation of pix2pix decided it."""

from dataclasses import dataclass
from typing import Literal

from tfpix2pix.errors import InputError

INITIALIZERS = ("normal", "xavier", "kaiming", "orthogonal")
UPSAMPLINGS = ("transpose", "nearest", "bilinear")


@dataclass(frozen=True)
class Conventions:
    """How the layers of a U-Net and a PatchGAN are built; the defaults are the paper's.

    Attributes:
        activation: Whether a block of the U-Net is activated "before" its convolution, so that
            skips carry what is not yet activated, or "after" its norm.
        bias: "needed": where no norm follows, but not in the first and the innermost level, as
            PyTorch's code. "all": everywhere.
        first_bias: Whether the discriminator's first layer has a bias.
        innermost_norm: Whether the innermost level has a norm. At batch 1 it then carries
            nothing: over a single pixel each value is its own mean (the paper's erratum).
        dropout: The decoder levels that have dropout: the "deepest", or the "middle" ones, which
            leave the deepest and the last four out.
        leak: Slope of the leaky ReLUs.
        epsilon: Added to the variance by every norm.
        momentum: Share of the old moving average that batch norm keeps per step.
        gamma_deviation: Standard deviation of the norms' initial scale around 1.
        affine_instance: Whether instance norm has scale and shift; without them convolutions
            have a bias.
        initializer: "normal", "xavier", "kaiming" or "orthogonal", of all kernels.
        gain: Standard deviation for "normal", factor for "xavier" and "orthogonal".
        upsampling: "transpose": transposed 4x4 convolutions. "nearest" or "bilinear": enlarging,
            then a 3x3 convolution, which cannot make checkerboards (Odena et al., 2016).

    Example:
        >>> Conventions(upsampling="bilinear").leak
        0.2
    """

    activation: Literal["before", "after"] = "before"
    bias: Literal["needed", "all"] = "needed"
    first_bias: bool = True
    innermost_norm: bool = False
    dropout: Literal["deepest", "middle"] = "deepest"
    leak: float = 0.2
    epsilon: float = 1e-5
    momentum: float = 0.9
    gamma_deviation: float = 0.02
    affine_instance: bool = True
    initializer: Literal["normal", "xavier", "kaiming", "orthogonal"] = "normal"
    gain: float = 0.02
    upsampling: Literal["transpose", "nearest", "bilinear"] = "transpose"

    def __post_init__(self):
        """Refuses what no layer knows."""
        for name, known in (("initializer", INITIALIZERS), ("upsampling", UPSAMPLINGS)):
            if getattr(self, name) not in known:
                raise InputError(
                    f"`{name}` must be one of {sorted(known)}. Received: "
                    f"{name}={getattr(self, name)!r}."
                )

    def has_bias(self, norm):
        """Returns whether the convolutions of a network with `norm` have a bias."""
        bare = norm == "none" or (norm == "instance" and not self.affine_instance)
        return self.bias == "all" or bare


CONVENTIONS = {
    "paper": Conventions(),
    # phillipi/pix2pix: its biases are set to zero before every step, and so have no effect.
    "torch": Conventions(bias="all"),
    # junyanz/pytorch-CycleGAN-and-pix2pix.
    "pytorch": Conventions(dropout="middle", affine_instance=False),
    # affinelayer/pix2pix-tensorflow.
    "affinelayer": Conventions(bias="all", innermost_norm=True, momentum=0.1),
    # The tutorial of tensorflow.org.
    "tf_tutorial": Conventions(
        activation="after",
        first_bias=False,
        innermost_norm=True,
        leak=0.3,
        epsilon=1e-3,
        momentum=0.99,
        gamma_deviation=0.0,
    ),
}


def conventions_of(name):
    """Returns the conventions called `name`, or `name` itself where it is `Conventions`.

    Args:
        name: A key of `CONVENTIONS`, or `Conventions`.

    Raises:
        ValueError: If there are none of that name.

    Example:
        >>> conventions_of("tf_tutorial").leak
        0.3
    """
    if isinstance(name, Conventions):
        return name
    if name not in CONVENTIONS:
        raise InputError(
            f"`conventions` must be one of {sorted(CONVENTIONS)}. Received: conventions={name!r}."
        )
    return CONVENTIONS[name]
