"""What is exported: directions by their names, or one generator as the only direction."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional, Union

from tensorflow import keras

from tfpix2pix import inference
from tfpix2pix.data.formats import PixelFormat, full_range
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.errors import InputError
from tfpix2pix.inference import SEED, Direction
from tfpix2pix.inference.graph import has_dropout

ONLY = "translate"  # Name of the direction of a generator that is exported by itself.
# Inputs that every signature has one of, and what clients and programs call their own arguments.
RESERVED = ("image", "image_bytes", "direction", "pixels", "samples", "tiling")
SET = "set_"  # Begins the name of the input that says whether a control is set.
CARD = "model_card"  # The signature that answers the model card.


class SignatureNames(NamedTuple):
    """The names of a direction's signatures.

    Attributes:
        default: Files to files, or where PNG cannot hold these the same as `float`.
        float: float32 in [-1, 1] to the same.
        uint8: Pixels of 8 bits to such; `None` where files have others.
        controls: Dict of the names of controls to signatures that take one beside the image.
        controlled: Takes every control beside the image, and of each whether it is set; `None` of
            a direction with less than two controls.

    Example:
        >>> SignatureNames("serving_default", "float").controls
        {}
    """

    default: str
    float: str
    uint8: Optional[str] = None
    controls: Mapping[str, str] = {}
    controlled: Optional[str] = None


class Served(NamedTuple):
    """A direction as it is served, made once for an export.

    Attributes:
        direction: `tfpix2pix.inference.Direction`.
        names: `SignatureNames`.
        as_files: Whether PNG holds what is translated, as TensorFlow decodes it, and the
            translations.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 6), depth=2, base_filters=4)
        >>> served_directions(generator)["translate"].as_files
        False
    """

    direction: Direction
    names: SignatureNames
    as_files: bool


def named_directions(
    directions: Union[Mapping[str, Direction], keras.Model], task=None
) -> dict[str, Direction]:
    """Returns directions by their names, of a generator one.

    Args:
        directions: Dict of names to `tfpix2pix.inference.Direction`, or a `keras.Model` with open
            sides of an image to an image.
        task: Of a generator, `tfpix2pix.data.tasks.Pairs` or another; by default that of pairs of 8
            bits.

    Returns:
        Dict of names to directions, the default one first.

    Raises:
        ValueError: If there is no direction, or a task beside directions, which have tasks.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 1), depth=2, base_filters=4)
        >>> list(named_directions(generator)), named_directions(generator)["translate"].multiple
        (['translate'], 4)
    """
    if isinstance(directions, Mapping):
        if not directions or task is not None:
            raise InputError(
                "An export must have a direction, and each has its task. Received: "
                f"{len(directions)} directions, task={task!r}. Leave `task` out."
            )
        return dict(directions)
    return {
        ONLY: Direction(
            directions,
            task or eight_bit_task(directions),
            multiple=inference.size_multiple(directions),
            controls=(SEED,) if has_dropout(directions) else (),
        )
    }


def chosen_direction(directions: Mapping[str, Any], name: Optional[str] = None) -> str:
    """Returns the name of a direction, of the first by default.

    Args:
        directions: Dict of names to directions.
        name: Name, or `None` for the default.

    Returns:
        str.

    Raises:
        ValueError: If there is no such direction; names them all.

    Example:
        >>> chosen_direction({"AtoB": 1, "BtoA": 2})
        'AtoB'
    """
    if name is not None and name not in directions:
        raise InputError(
            f"A direction must be one of {', '.join(directions)}. Received: {name!r}. Leave it out "
            f"for {next(iter(directions))}."
        )
    return name or next(iter(directions))


def eight_bit_task(generator: keras.Model) -> Pairs:
    """Returns the task of pairs of 8 bits, of the channels of a generator.

    Args:
        generator: `keras.Model` of an image to an image.

    Returns:
        `tfpix2pix.data.tasks.Pairs`.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 1), depth=2, base_filters=4)
        >>> eight_bit_task(generator).channels
        (1, 3)
    """
    shapes = (generator.input_shape, generator.output_shape)
    return Pairs(tuple(PixelFormat(shape[-1], "uint8", full_range("uint8")) for shape in shapes))


def served_directions(directions, task=None) -> dict[str, Served]:
    """Names the signatures of directions: plainly of the first, after its name of any other.

    Args:
        directions: As of `named_directions`; what this function has returned is returned again.
        task: The same.

    Returns:
        Dict of the names of directions to `Served`, the default one first.

    Raises:
        ValueError: As of `named_directions`; or if two signatures, or two inputs of one, would have
            one name.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=3, base_filters=4)
        >>> direction = named_directions(generator)["translate"]
        >>> served = served_directions({"AtoB": direction, "BtoA": direction})
        >>> served["AtoB"].names.controls, served["BtoA"].names.float
        ({'seed': 'sampled'}, 'BtoA_float')
    """
    served = {}
    for name, direction in named_directions(directions, task).items():
        if isinstance(direction, Served):
            served[name] = direction
            continue
        _check_controls(name, direction)
        is_first = not served
        prefix = "" if is_first else f"{name}_"
        formats = (direction.task.source_format, direction.task.target_format)
        has_pixels = {pixel_format.dtype for pixel_format in formats} == {"uint8"}
        controls = {
            control.name: prefix + ("sampled" if control.neutral is None else control.name)
            for control in direction.controls
        }
        names = SignatureNames(
            "serving_default" if is_first else name,
            f"{prefix}float",
            f"{prefix}uint8" if has_pixels else None,
            controls,
            f"{prefix}controlled" if len(controls) > 1 else None,
        )
        served[name] = Served(direction, names, as_files=all(map(fits_png, formats)))
    _check_unique({name: one.names for name, one in served.items()})
    return served


def fits_png(pixel_format: PixelFormat) -> bool:
    """Whether PNG holds pixels of a format, as TensorFlow decodes it.

    Args:
        pixel_format: `tfpix2pix.data.formats.PixelFormat`.

    Example:
        >>> fits_png(PixelFormat(3, "float32", (0.0, 1.0)))
        False
    """
    return pixel_format.channels in (1, 3, 4) and pixel_format.dtype != "float32"


def _check_controls(name, direction):
    for control in direction.controls:
        is_other = control.name == SEED.name and control.neutral is not None
        if control.name in RESERVED or control.name.startswith(SET) or is_other:
            raise InputError(
                f"A control must not be named {', '.join(RESERVED)}, {SET}..., or as the seed "
                f"{SEED.name}, which mean something else. Received: {control.name!r} of the "
                f"direction {name!r}. Rename it."
            )


def _check_unique(names):
    used = {CARD}
    for name, signatures in names.items():
        listed = [signatures.default, signatures.float, signatures.uint8, signatures.controlled]
        for signature in [*filter(None, listed), *signatures.controls.values()]:
            if signature in used:
                raise InputError(
                    "Signatures must have names of their own, which come from those of directions "
                    f"and controls. Received: {signature!r} of the direction {name!r} again. "
                    "Rename it."
                )
            used.add(signature)
