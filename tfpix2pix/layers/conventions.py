"""Conventions: details that the paper leaves open, as each implementation of pix2pix has them."""

from dataclasses import dataclass
from typing import Literal, Union

from tfpix2pix.errors import InputError

INITIALIZERS = ("normal", "xavier", "kaiming", "orthogonal")
UPSAMPLINGS = ("transpose", "nearest", "bilinear")


@dataclass(frozen=True)
class Conventions:
    """Details of the layers of a U-Net and a PatchGAN; the defaults are the paper's.

    Attributes:
        activation: Whether the activation of a U-Net block comes "before" its convolution, so that
            skips carry values before activation, or "after" its norm.
        bias: Which convolutions have a bias. "needed": those of networks without norm, and of
            instance norm without shift. "all": all.
        first_bias: Whether the discriminator's first layer has a bias.
        innermost_norm: Whether the innermost level has a norm. At batch 1 the level then carries
            no information: over a single pixel each value is its own mean (the paper's erratum).
        dropout: Which decoder levels have dropout: the "deepest" ones, or the "middle" ones, which
            are all but the deepest and the last four.
        leak: Slope of the leaky ReLUs for negative values.
        epsilon: Added to the variance by every norm.
        momentum: Decay of batch norm's moving averages per step.
        gamma_deviation: Standard deviation of the norms' initial scale around 1.
        affine_instance: Whether instance norm has scale and shift; without them convolutions
            have a bias.
        initializer: Initializer of all kernels: "normal", "xavier", "kaiming" or "orthogonal".
        gain: Standard deviation for "normal", factor for "xavier" and "orthogonal".
        upsampling: "transpose": transposed 4x4 convolutions. "nearest" or "bilinear": resizing,
            then a 3x3 convolution, which cannot make checkerboards (Odena et al., 2016).
        antialiased: Whether ResNets and PatchGANs halve by a convolution of stride 1 and a blur
            behind its activation instead of by the stride, and "transpose" doubles by a blur, which
            is "bilinear", and a convolution that pads by zeros (Zhang, 2019).

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
    antialiased: bool = False

    def __post_init__(self):
        """Refuses unknown names."""
        for name, known in (("initializer", INITIALIZERS), ("upsampling", UPSAMPLINGS)):
            if getattr(self, name) not in known:
                raise InputError(
                    f"`{name}` must be one of {sorted(known)}. Received: "
                    f"{name}={getattr(self, name)!r}."
                )

    def has_bias(self, norm: str) -> bool:
        """Returns whether the convolutions of a network with `norm` have a bias."""
        no_shift = norm == "none" or (norm == "instance" and not self.affine_instance)
        return self.bias == "all" or no_shift


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


def checked_conventions(conventions: Union[str, Conventions]) -> Conventions:
    """Returns the option `conventions` of a network, checked and looked up.

    Args:
        conventions: A key of `CONVENTIONS`, or `Conventions`, which are returned as they are.

    Returns:
        `Conventions`.

    Raises:
        ValueError: If the name is unknown.

    Example:
        >>> checked_conventions("tf_tutorial").leak
        0.3
    """
    if isinstance(conventions, Conventions):
        return conventions
    if conventions not in CONVENTIONS:
        raise InputError(
            f"`conventions` must be one of {sorted(CONVENTIONS)}. Received: "
            f"conventions={conventions!r}."
        )
    return CONVENTIONS[conventions]
