"""Formats: a generator as one file for other runtimes, TensorFlow Lite and ONNX."""

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.errors import InputError
from tfpix2pix.export.cards import FILE, model_card
from tfpix2pix.export.comparison import check_parity, example_pixels, task_of_8_bits
from tfpix2pix.export.publication import publish

OPSET = 17  # Of ONNX; what onnxruntime 1.12 and later compute.


def convert(generator, file, *, task=None, size=None, card=None, tolerance=1e-4):
    """Writes a generator as a TensorFlow Lite or an ONNX file.

    Its input `image` and its output `output` are those of the signature `float` of
    `tfpix2pix.export.export`, for images of any size. The file is loaded back and compared with the
    generator before it has its name.

    The card, with `parity`, is in the file: in TensorFlow Lite's as the associated file
    `model_card.json`, which `unzip` shows, in ONNX's as the metadata property `model_card`.

    Args:
        generator: `keras.Model` with open sides.
        file: Path that ends in `.tflite` or `.onnx`; a file there is replaced.
        task: As of `tfpix2pix.export.export`.
        size: `(height, width)` in pixels of the training images; the comparison is at it too.
        card: As of `tfpix2pix.export.export`.
        tolerance: Largest difference allowed between the two, in the range [-1, 1].

    Returns:
        float: the largest difference measured.

    Raises:
        ValueError: If it is another format, packages are missing, or the difference is larger.

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
    task = task or task_of_8_bits(generator)
    described = model_card(generator, task, file.stem, size=size, **(card or {}))
    content, run, with_card = FORMATS[file.suffix](_module(generator))
    differences = []
    for pixels in example_pixels(generator, task, size):
        source = task.source(pixels)
        differences.append(
            np.abs(run(source.numpy()) - inference.translate(generator, source)).max()
        )
    difference = float(np.max(differences))
    check_parity(difference, tolerance, file)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(with_card(content, json.dumps({**described, "parity": difference})))
        publish(part, file)
    finally:
        part.unlink(missing_ok=True)
    return difference


def _module(generator):
    """Returns a module of the variables and `translate`; without them no signature is kept."""
    module, channels = tf.Module(), generator.input_shape[-1]
    module.weights = generator.weights

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, channels), name="image")])
    def translate(image):
        return {"output": inference.translate(generator, image)}

    module.translate = translate
    return module


def _tflite(module):
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.translate.get_concrete_function()], module
    )
    content = converter.convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(source):
        interpreter.resize_tensor_input(taken["index"], source.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], source)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    def with_card(content, card):
        # A ZIP archive after the model, as its metadata tools do: readers of either pass over the
        # other.
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
