"""Directions and controls: which signature translates as asked, and what it takes, by the card."""

from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple, Optional

from serving.client.attribute_rows import KIND, attribute_vector
from serving.client.failures import BadArgument
from serving.client.hint_rows import point_rows

ONLY = "translate"  # Name of the direction that a card of format 1 describes.
SET = "set_"  # Begins the name of the input that says whether a control is set.
SAMPLED = "sampled"  # Signature of the seed, of the first direction of every card.
SEED = {
    "name": "seed",
    "signature": SAMPLED,
    "dtype": "int64",
    "shape": [],
    "about": {"kind": "seed", "title": "Seed"},
}


class Value(NamedTuple):
    """The value of a control for one image.

    Attributes:
        dtype: Name of the type, such as `"float32"`.
        shape: Tuple of int.
        numbers: Number or str, or nested lists of them, as JSON has them.
    """

    dtype: str
    shape: tuple
    numbers: Any

    @property
    def leaves(self):
        """List of the numbers, row by row."""
        numbers = [self.numbers]
        for _ in self.shape:
            numbers = list(chain.from_iterable(numbers))
        return numbers


class Selection(NamedTuple):
    """Which signature translates, and its inputs beside the image.

    Attributes:
        signature: Name of the signature; the default one is `""`.
        values: Dict of the name of an input to its `Value`.
    """

    signature: str = ""
    values: Mapping[str, Value] = {}


def card_directions(card: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns what a model card says of each direction.

    Args:
        card: Model card. One of format 1 describes a single direction, `translate`, and does not
            say whether there are samples: its seed is there for the server to refuse.

    Returns:
        Dict of the names of directions to their part of the card, the default one first.

    Example:
        >>> card_directions({"format": 1, "drawing": {}})["translate"]["controls"][0]["name"]
        'seed'
    """
    if "directions" in card:
        return {direction["name"]: direction for direction in card["directions"]}
    first = {**card, "name": ONLY, "signatures": {"default": ""}, "controls": [SEED]}
    return {ONLY: first}


def plain_selection(direction: Optional[str], controls: Mapping[str, Any]) -> Optional[Selection]:
    """Returns the `Selection` that needs no card, or `None` if only the card can tell.

    Args:
        direction: Name of a direction, or `None` for the first.
        controls: Dict of the name of a control to its value; `None` asks for nothing.

    Raises:
        BadArgument: If the seed is no whole number.

    Example:
        >>> plain_selection(None, {"seed": 7}).signature
        'sampled'
    """
    values = _asked(controls)
    if direction is not None or set(values) - {"seed"}:
        return None
    if not values:
        return Selection()
    return Selection(SAMPLED, {"seed": control_value(SEED, values["seed"])})


def selection(
    card: Mapping[str, Any], direction: Optional[str], controls: Mapping[str, Any]
) -> Selection:
    """Finds the signature of a direction that takes the controls that are asked for.

    Args:
        card: Model card.
        direction: Name of a direction, or `None` for the first.
        controls: Dict of the name of a control to its value; `None` asks for nothing.

    Returns:
        `Selection`.

    Raises:
        BadArgument: If there is no such direction or control, if there are several controls and
            the model is older than requests with such, or if a value has another type or shape
            than its control.
    """
    values = _asked(controls)
    entry, known = known_controls(card, direction, values)
    checked = {name: control_value(known[name], value) for name, value in values.items()}
    if not checked:
        return Selection(entry["signatures"]["default"])
    if len(checked) == 1:
        return Selection(known[next(iter(checked))]["signature"], checked)
    if "controlled" not in entry["signatures"]:
        raise BadArgument(
            "A request to a model from before several controls could be set must set at most one. "
            f"Received: {', '.join(values)}. Leave the others out, or export the run again."
        )
    inputs = {}
    for name, control in known.items():
        inputs[name] = checked[name] if name in checked else _unset(control)
        inputs[f"{SET}{name}"] = Value("bool", (), name in checked)
    return Selection(entry["signatures"]["controlled"], inputs)


def embedding_entry(card: Mapping[str, Any], embedding: Optional[str]) -> dict[str, Any]:
    """Returns what a model card says of an embedding.

    Args:
        card: Model card.
        embedding: Name of an embedding, or `None` for the first.

    Returns:
        Dict of `name`, `source`, `image_size`, `length` and `signatures`.

    Raises:
        BadArgument: If there is no such embedding.

    Example:
        >>> card = {"embeddings": [{"name": "A", "signatures": {"default": "embedding"}}]}
        >>> embedding_entry(card, None)["name"]
        'A'
    """
    known = {entry["name"]: entry for entry in card.get("embeddings", ())}
    if not known or embedding not in (None, *known):
        raise BadArgument(
            f"This model has the embeddings {', '.join(known) or '(none)'}. Received: "
            f"{embedding!r}. {'Use one of them' if known else 'Ask a model that has some'}."
        )
    return known[embedding or next(iter(known))]


def weights_sha256(card: Mapping[str, Any]) -> str:
    """Returns the hash of the weights by which a model makes vectors: by it an index is checked.

    Args:
        card: Model card.

    Raises:
        BadArgument: If the card has none.

    Example:
        >>> weights_sha256({"embeddings_sha256": "c0ffee"})
        'c0ffee'
    """
    if "embeddings_sha256" not in card:
        raise BadArgument(
            "An index needs a model whose card has the hash of the weights that vectors are made "
            "by. Received: a card without it. Export the run again."
        )
    return card["embeddings_sha256"]


def known_controls(card: Mapping[str, Any], direction: Optional[str], names) -> tuple[dict, dict]:
    """Returns what a card says of a direction and of its controls.

    Args:
        card: Model card.
        direction: Name of a direction, or `None` for the first.
        names: Names of controls that it must have.

    Returns:
        `(entry, controls)`: the part of the card, and a dict of the names of controls to theirs.

    Raises:
        BadArgument: If there is no such direction or control.
    """
    directions = card_directions(card)
    name = next(iter(directions)) if direction is None else direction
    if name not in directions:
        raise BadArgument(
            f"A direction must be one of {', '.join(directions)}. Received: {direction!r}. Leave "
            f"it out for {next(iter(directions))}."
        )
    known = {control["name"]: control for control in directions[name]["controls"]}
    unknown = [control for control in names if control not in known]
    if unknown:
        raise BadArgument(
            f"A control of the direction {name} must be one of {', '.join(known) or 'none'}. "
            f"Received: {', '.join(unknown)}. Correct the name, or leave it out."
        )
    return directions[name], known


def control_value(control: Mapping[str, Any], value: Any) -> Value:
    """Checks a value against what the card says of its control.

    Args:
        control: Dict of `name`, `dtype`, `shape`, in which `None` is any length, and `about`.
        value: Number, str, nested lists of them, or an array. Of a choice also one of its names, of
            weights and numbers a dict of some of their names, the others being 0, of points what
            `serving.client.hint_rows.point_rows` takes, and of attributes a dict of their names to
            words and numbers.

    Returns:
        `Value`.

    Raises:
        BadArgument: If it has another type or shape.

    Example:
        >>> control = {"name": "style", "dtype": "float32", "shape": [2], "about": {}}
        >>> control_value(control, [0.5, 1]).leaves
        [0.5, 1]
    """
    names = control["about"].get("names", ())
    if control["about"].get("kind") == "choice" and value in names:
        value = names.index(value)
    if isinstance(value, Mapping) and names:
        value = _named(control, value)
    if control["about"].get("kind") == "points":
        value = point_rows(value, control["about"].get("most"))
    if control["about"].get("kind") == KIND and isinstance(value, Mapping):
        value = attribute_vector(control["about"]["columns"], value)
    numbers = value.tolist() if hasattr(value, "tolist") else value
    shape = _shape(numbers)
    expected = control["shape"]
    fits = shape is not None and len(shape) == len(expected)
    if fits and all(side in (None, length) for side, length in zip(expected, shape)):
        checked = Value(control["dtype"], shape, numbers)
        if all(_is_of_type(leaf, control["dtype"]) for leaf in checked.leaves):
            return checked
    sides = ", ".join("any" if side is None else str(side) for side in expected)
    rule = f"{control['dtype']} of the shape [{sides}]" if sides else f"one {control['dtype']}"
    known = f", or one of {', '.join(names)}" if control["about"].get("kind") == "choice" else ""
    raise BadArgument(
        f"The control {control['name']} must be {rule}{known}. Received: {_shortened(value)}. "
        "Correct the value."
    )


def _named(control, values):
    """Returns the numbers of a dict in the order of the control's names."""
    names = control["about"]["names"]
    if unknown := [name for name in values if name not in names]:
        raise BadArgument(
            f"The control {control['name']} has the names {', '.join(names)}. Received: "
            f"{', '.join(map(repr, unknown))}. Name one of them."
        )
    return [values.get(name, 0) for name in names]


def require_no_map(selected: Selection):
    """Refuses controls that belong to places of the image, where that is sent in tiles.

    Args:
        selected: `Selection`.

    Raises:
        BadArgument: If there is one.
    """
    maps = [
        name
        for name, value in selected.values.items()
        if len(value.shape) > 1 and selected.values.get(f"{SET}{name}", value).numbers is not False
    ]
    if maps:
        raise BadArgument(
            "A control that is a map or points cannot be sent in tiles. Received: "
            f"{', '.join(maps)}. Send the image whole."
        )


def _unset(control):
    """Returns a value of a control for where it is not set, and counts for nothing."""
    shape = tuple(side or 1 for side in control["shape"])
    numbers = {"string": "", "bool": False}.get(control["dtype"], 0)
    for side in reversed(shape):
        numbers = [numbers] * side
    return Value(control["dtype"], shape, numbers)


def _asked(controls):
    return {name: value for name, value in controls.items() if value is not None}


def _shape(numbers):
    """Returns the shape of nested lists, or `None` if they have different lengths."""
    if not isinstance(numbers, (list, tuple)):
        return ()
    shapes = {_shape(row) for row in numbers}
    if len(shapes) > 1 or None in shapes:
        return None
    return (len(numbers), *(shapes.pop() if shapes else ()))


def _is_of_type(leaf, dtype):
    if dtype == "string":
        return isinstance(leaf, (str, bytes))
    if dtype == "bool":
        return isinstance(leaf, bool)
    if isinstance(leaf, bool):
        return False
    if dtype.startswith("float"):
        return isinstance(leaf, (int, float))
    return isinstance(leaf, int) and _holds(dtype, leaf)


def _holds(dtype, number):
    signed = not dtype.startswith("u")
    bits = int(dtype.lstrip("uint")) - signed
    return -(2**bits) * signed <= number < 2**bits


def _shortened(value):
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
