"""Conversion: a direction as one file for other runtimes, TensorFlow Lite and ONNX."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import tensorflow as tf

from tfpix2pix import atomic, inference
from tfpix2pix.errors import InputError
from tfpix2pix.export.cards import FILE, model_card
from tfpix2pix.export.comparison import check_parity, example_pixels
from tfpix2pix.export.directions import chosen_direction, named_directions
from tfpix2pix.quiet import quiet

OPSET = 17  # Of ONNX; what onnxruntime 1.12 and later compute.


def convert(
    directions,
    file: Union[str, Path],
    *,
    direction: Optional[str] = None,
    task=None,
    size: Optional[tuple[int, int]] = None,
    card: Optional[Mapping[str, Any]] = None,
    tolerance: float = 1e-4,
) -> float:
    """Writes one direction as a TensorFlow Lite or an ONNX file.

    Its input `image` and its output `output` are those of the signature `float` of
    `tfpix2pix.export.export`, for images of any size; controls are neutral. The file is loaded back
    and compared with the network before it has its name.

    The card, with `parity`, is in the file: in TensorFlow Lite's as the associated file
    `model_card.json`, which `unzip` shows, in ONNX's as the metadata property `model_card`.

    Args:
        directions: Dict of names to `tfpix2pix.inference.Direction`, or a `keras.Model` with open
            sides.
        file: Path that ends in `.tflite` or `.onnx`; a file there is replaced.
        direction: Name of the direction; by default the first.
        task: As of `tfpix2pix.export.export`.
        size: `(height, width)` in pixels of the training images; the comparison is at it too.
        card: As of `tfpix2pix.export.export`.
        tolerance: Largest difference allowed between the two, in the range [-1, 1].

    Returns:
        float: the largest difference measured.

    Raises:
        ValueError: If it is another format, there is no such direction, packages are missing, or
            the difference is larger.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> convert(generator, "facades.tflite") < 1e-4
        True
    """
    file = Path(file)
    if file.suffix not in FORMATS:
        raise InputError(
            f"A converted model must end in {' or '.join(FORMATS)}. Received: {str(file)!r}. Name "
            "the file by its format."
        )
    directions = named_directions(directions, task)
    name = chosen_direction(directions, direction)
    chosen = directions[name]
    described = model_card({name: chosen}, file.stem, size=size, **(card or {}))
    described["directions"][0].update(signatures={}, controls=[])  # A file has none of them.
    content, run, with_card = FORMATS[file.suffix](_module(chosen))
    differences = []
    for pixels in example_pixels(chosen, size):
        source = chosen.task.source(pixels)
        differences.append(
            np.abs(run(source.numpy()) - inference.translate_in(chosen, source)).max()
        )
    difference = float(np.max(differences))
    check_parity(difference, tolerance, file)
    with atomic.replacing(file, flush=True) as part:
        part.write_bytes(with_card(content, json.dumps({**described, "parity": difference})))
    return difference


def _module(direction):
    """Returns a module of the variables and `translate`; without them no signature is kept."""
    module = tf.Module()
    module.weights = direction.network.weights
    channels = direction.network.inputs[0].shape[-1]

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, channels), name="image")])
    def translate(image):
        controls = inference.control_batches(direction, image)
        translations = inference.translate(
            direction.network, image, controls=controls, multiple=direction.multiple
        )
        return {"output": translations}

    module.translate = translate
    return module


def _tflite(module):
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.translate.get_concrete_function()], module
    )
    with quiet():
        content = converter.convert()
        interpreter = tf.lite.Interpreter(model_content=content)
    (image,) = interpreter.get_input_details()
    (output,) = interpreter.get_output_details()

    def run(source):
        with quiet():
            interpreter.resize_tensor_input(image["index"], source.shape)
            interpreter.allocate_tensors()
            interpreter.set_tensor(image["index"], source)
            interpreter.invoke()
            return interpreter.get_tensor(output["index"])

    def with_card(content, card):
        # As TensorFlow Lite's metadata tools do: the interpreter ignores what follows the model,
        # and unzip what precedes the archive.
        buffer = io.BytesIO(content)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(FILE, card)
        return buffer.getvalue()

    return content, run, with_card


def _onnx(module):
    try:
        import onnx
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise InputError(
            "ONNX files need the packages onnx, onnxruntime and tf2onnx. Received: no "
            f"{error.name}. Install them by `pip install tfpix2pix[onnx]`."
        ) from error
    model, _ = tf2onnx.convert.from_function(
        module.translate, module.translate.input_signature, opset=OPSET
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )

    def with_card(model, card):
        onnx.helper.set_model_props(model, {"model_card": card})
        return model.SerializeToString()

    return model, lambda source: session.run(None, {"image": source})[0], with_card


FORMATS = {".tflite": _tflite, ".onnx": _onnx}
