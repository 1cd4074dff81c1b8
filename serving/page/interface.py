"""The page's programming interface: what programs call over HTTP, and what wrong calls are told."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Optional, Union

import gradio as gr

from serving.client.failures import ClientError

AT_ONCE = 4  # Drawings that are translated at the same time.


class Page(gr.Blocks):
    """A page whose calls may leave out what stands last, as those of its functions may.

    Gradio fills in defaults in its own Python client alone, and answers others by an empty error.
    """

    async def preprocess_data(self, block_fn, inputs, *rest):
        """Reads the values of a call, `None` where there is none."""
        missing = [None] * (len(block_fn.inputs) - len(inputs))
        return await super().preprocess_data(block_fn, [*inputs, *missing], *rest)


def add_interface(translator):
    """Adds what programs call to the page that is being built.

    Args:
        translator: `serving.page.translator.Translator`.
    """

    def translate(image: str, seed: Optional[int] = None) -> str:
        """Translates the base64 of an image file into that of a PNG file.

        The image is fitted and normalized as a drawing is. With a seed there is noise, of models
        that have it.
        """
        return answer(image, None, {"seed": seed})

    def translate_with(image: str, direction: Optional[str] = None, controls: str = "{}") -> str:
        """Translates the base64 of an image file in a direction, with values of its controls.

        The controls are a JSON object of names and values, as the model card lists them.
        """
        return answer(image, direction, controls)

    def answer(image, direction, controls):
        try:
            translation = translator.translate(
                image_file(image), direction, controls=named_values(controls)
            )
        except (ValueError, ClientError) as error:
            raise gr.Error(str(error), print_exception=False) from None
        return base64.b64encode(translation.translated).decode("ascii")

    gr.api(translate, concurrency_limit=AT_ONCE)
    gr.api(translate_with, concurrency_limit=AT_ONCE)


def image_file(image: str) -> bytes:
    r"""Decodes base64 in any of its usual forms: in lines, for URLs, as a data URL.

    Args:
        image: The text.

    Returns:
        bytes of a file.

    Raises:
        ValueError: If it is none.

    Example:
        >>> image_file("data:image/png;base64,iVBO\n")
        b'\x89PN'
    """
    try:
        text = image.partition(",")[2] if image.startswith("data:") else image
        text = "".join(text.split()).replace("-", "+").replace("_", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, AttributeError):
        raise ValueError(
            "An image must be the base64 of a file, or a data URL of that. Received: "
            f"{_short(image)}. Encode the bytes of the file."
        ) from None


def named_values(controls: Union[str, Mapping[str, Any], None]) -> dict[str, Any]:
    """Reads the values of controls.

    Args:
        controls: JSON object, as text or read already; `None` for no values.

    Returns:
        Dict of the names of controls to values.

    Raises:
        ValueError: If it is none.

    Example:
        >>> named_values('{"seed": 7}')
        {'seed': 7}
    """
    try:
        values = json.loads(controls) if isinstance(controls, str) else controls or {}
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ValueError(
            "Controls must be a JSON object of their names and values. Received: "
            f'{_short(controls)}. Write them as {{"seed": 7}}, or leave them out.'
        )
    return values


def _short(value):
    return repr(value)[:40]
