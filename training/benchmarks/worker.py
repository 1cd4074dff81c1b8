"""A contender of `python -m training.benchmark step`, in a process of its own.

Runs once for each line of its input, and answers with a line of seconds and peak megabytes.
Frameworks are imported where they are used, so that each process has one of them alone.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

WARM_UP = 3  # Runs before anything is measured.


class Options(NamedTuple):
    """What is measured.

    Attributes:
        preset: Name of the experiment whose family, losses and options are measured.
        size: Side of the images in pixels, a power of 2.
        filters: Filters of the networks' first level.
        batch: Images per run.
        threads: Threads to use, or `None` for as many as there are cores.
        folder: Folder with our translator as the SavedModel `exported` and the file `model.onnx`.
    """

    preset: str
    size: int
    filters: int
    batch: int
    threads: Optional[int] = None
    folder: str = ""


class Contender(NamedTuple):
    """Who is measured.

    Attributes:
        build: Function of `Options` to a function without arguments, which runs once.
        needs: Packages, programs, and flags of the processor that it cannot do without.
    """

    build: Callable
    needs: tuple = ()


def main(family: str, kind: str, name: str, options):
    """Builds a contender and runs it at every line.

    Args:
        family: Name of the preset's family.
        kind: `"step"` or `"translate"`.
        name: Key of `contenders`.
        options: List of the fields of `Options`.
    """
    run = contenders(family)[kind][name].build(Options(*options))
    start = time.perf_counter()
    run()
    first = time.perf_counter() - start
    for _ in range(WARM_UP - 1):
        run()
    print(json.dumps(["ready", first]), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(json.dumps([time.perf_counter() - start, _peak_megabytes()]), flush=True)


def _peak_megabytes():
    """Returns the peak of this program; `getrusage` would include its parent's at the start."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _images(options):
    random = np.random.default_rng(0)
    shape = (options.batch, options.size, options.size, 3)
    return [random.uniform(-1, 1, shape).astype("float32") for _ in range(2)]


def _tensorflow(options):
    import tfpix2pix  # noqa: F401, sets what TensorFlow reads on import.

    # isort: split
    import tensorflow as tf

    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    return tf


def experiment(options: Options):
    """Returns our model of an experiment, and its directions.

    Args:
        options: `Options`.
    """
    import dataclasses

    from tfpix2pix.families import get_family, preset

    start = preset(options.preset)
    size = (options.size, options.size)
    config = dataclasses.replace(
        start,
        data=dataclasses.replace(start.data, image_size=size, load_size=None),
        model=dataclasses.replace(start.model, base_filters=options.filters),
        train=dataclasses.replace(start.train, batch_size=options.batch),
    )
    family = get_family(config.family)
    model = family.model(config)
    return model, family.directions(config, model)


def _step(options, precision="float32"):
    tf = _tensorflow(options)
    from training.engine import loop

    model, _ = experiment(options)
    images = tf.data.Dataset.from_tensors(tuple(_images(options))).repeat()
    strategy = tf.distribute.get_strategy()
    step = loop.training_step(model, strategy, precision)
    batches = loop.distributed_batches(strategy, lambda place: images)
    return lambda: step(next(batches))


def _translation(options, precision="float32"):
    tf = _tensorflow(options)
    _, directions = experiment(options)
    network = next(iter(directions.values())).network
    translate = tf.function(lambda images: network(images, training=False))
    return _translator(lambda image: translate(image), options, precision)


def _exported_translation(options, precision="float32"):
    tf = _tensorflow(options)
    loaded = tf.saved_model.load(f"{options.folder}/exported/1")
    translate = loaded.signatures["float"]
    return _translator(lambda image: translate(image=image)["output"], options, precision)


def _translator(translate, options, precision):
    import tensorflow as tf

    from tfpix2pix.bfloat16 import graph_precision

    source = tf.constant(_images(options)[0])

    def run():
        with graph_precision(precision):
            return translate(source).numpy()

    return run


def _tutorial_step(options, onednn="1"):
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = onednn  # TensorFlow reads this when it is imported.
    tf = _tensorflow(options)
    from training.benchmarks import tutorial

    step = tutorial.step(options.size, options.filters)
    source, target = (tf.constant(images) for images in _images(options))
    return lambda: step(source, target)


def _pix2pix_in_pytorch(options):
    """Returns the networks, the translator first, and the step."""
    from training.benchmarks import pytorch_step

    generator = pytorch_step.UNet(options.size.bit_length() - 1, options.filters)
    discriminator = pytorch_step.PatchGAN(6, options.filters)
    return (generator, discriminator), pytorch_step.Step(generator, discriminator)


def _cyclegan_in_pytorch(options):
    """Returns the networks, the translator first, and the step."""
    from training.benchmarks import pytorch_cyclegan

    networks = pytorch_cyclegan.networks(options.filters, blocks=9 if options.size >= 256 else 6)
    return tuple(networks.values()), pytorch_cyclegan.Step(networks)


def _pytorch(build, kind, options, channels_last=False, bfloat16=False, compiled=False):
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    networks, step = build(options)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for network in networks:
        network.to(memory_format=layout)
        if bfloat16:
            network.forward = _rounded(network.forward)
        if compiled:
            network.compile()
    batches = (torch.from_numpy(images.transpose(0, 3, 1, 2)) for images in _images(options))
    source, target = (batch.contiguous(memory_format=layout) for batch in batches)
    if kind == "step":
        return lambda: step(source, target)
    translator = networks[0].eval()

    def translate():
        with torch.inference_mode():
            return translator(source).numpy()

    return translate


def _rounded(forward):
    """Lets PyTorch's autocast compute a pass, whose end forgets the rounded weights."""
    import torch

    def in_bfloat16(images):
        with torch.autocast("cpu", torch.bfloat16):
            return forward(images).float()

    return in_bfloat16


def _openvino(options, precision="f32"):
    import openvino

    core = openvino.Core()
    (source, _) = _images(options)
    model = core.read_model(f"{options.folder}/model.onnx")
    model.reshape(list(source.shape))
    threads = options.threads or os.cpu_count()
    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(model, "CPU", {**hints, "INFERENCE_NUM_THREADS": threads})
    return lambda: compiled({"image": source})["output"]


def _onnx_runtime(options):
    import onnxruntime

    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = options.threads or os.cpu_count()
    session = onnxruntime.InferenceSession(
        f"{options.folder}/model.onnx", session_options, providers=["CPUExecutionProvider"]
    )
    (source, _) = _images(options)
    return lambda: session.run(None, {"image": source})[0]


BFLOAT16 = "bfloat16"  # What a contender needs of the processor.
ROUNDED = {"precision": "auto_bfloat16"}
OURS = {
    "step": {
        "tfpix2pix": Contender(_step),
        "tfpix2pix, bfloat16": Contender(partial(_step, **ROUNDED), (BFLOAT16,)),
    },
    "translate": {
        "tfpix2pix": Contender(_translation),
        "tfpix2pix, bfloat16": Contender(partial(_translation, **ROUNDED), (BFLOAT16,)),
        "tfpix2pix, exported": Contender(_exported_translation),
        "tfpix2pix, exported, bfloat16": Contender(
            partial(_exported_translation, **ROUNDED), (BFLOAT16,)
        ),
    },
}
PYTORCH_MODES = {
    "PyTorch": (),
    "PyTorch, channels_last": ("channels_last",),
    "PyTorch, compiled": ("compiled",),
    "PyTorch, bfloat16": ("channels_last", "bfloat16"),
    "PyTorch, bfloat16, compiled": ("channels_last", "bfloat16", "compiled"),
}
MODE_NEEDS = {"compiled": "g++", "bfloat16": BFLOAT16}
# By family: the function that restates it in PyTorch, and who else there is.
PYTORCH = {"pix2pix": _pix2pix_in_pytorch, "cyclegan": _cyclegan_in_pytorch}
OTHERS = {
    "pix2pix": {
        "tutorial": Contender(_tutorial_step),
        "tutorial, no oneDNN": Contender(partial(_tutorial_step, onednn="0")),
    }
}
ON_OUR_FILE = {
    "ONNX Runtime": Contender(_onnx_runtime, ("onnxruntime",)),
    "OpenVINO": Contender(_openvino, ("openvino",)),
    "OpenVINO, bfloat16": Contender(partial(_openvino, precision="bf16"), ("openvino", BFLOAT16)),
}


def contenders(family: str) -> dict:
    """Returns who is measured for a family, installed or not.

    Args:
        family: Name of the family.

    Returns:
        Dict of `"step"` and `"translate"` to dicts of name to `Contender`.
    """
    rows = {}
    for kind, others in (("step", OTHERS.get(family, {})), ("translate", ON_OUR_FILE)):
        peers = {}
        if family in PYTORCH:
            for name, modes in PYTORCH_MODES.items():
                build = partial(_pytorch, PYTORCH[family], kind, **dict.fromkeys(modes, True))
                needs = ("torch", *(MODE_NEEDS[mode] for mode in modes if mode in MODE_NEEDS))
                peers[name] = Contender(build, needs)
        rows[kind] = {**OURS[kind], **peers, **others}
    return rows


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
