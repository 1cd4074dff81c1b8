"""A contender of `python -m training.benchmark step`, in a process of its own.

Runs once for each line of its input, and answers with a line of seconds and peak megabytes.
Frameworks are imported where they are used, so that each process has one of them alone.
"""

import importlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Optional

import numpy as np

from training.benchmarks.peak import peak_megabytes

WARM_UP = 3  # Runs before anything is measured.
HINTS = 7  # Points of an example that are none of the empty rows: the mean of those drawn.
BFLOAT16 = "bfloat16"  # What a contender needs of the processor.


class Options(NamedTuple):
    """What is measured.

    Attributes:
        preset: Name of the experiment whose family, losses and options are measured.
        size: `[height, width]` of the images in pixels.
        batch: Images per run.
        model: Dict of the options of the family's networks and losses.
        classes: Classes of the label maps of scenes, which have maps of instances too; of images 0.
        channels: Channels of source and target.
        points: Rows of points of an example, where a user gives hints, else 0.
        onnx: File of our translator for those who run such.
    """

    preset: str
    size: list
    batch: int
    model: dict
    classes: int = 0
    channels: tuple = (3, 3)
    points: int = 0
    onnx: str = ""


class Contender(NamedTuple):
    """Who is measured: a function of `Options` to what runs once, and what that needs.

    Needs are packages, programs, and `BFLOAT16`.
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
        print(json.dumps([time.perf_counter() - start, peak_megabytes()]), flush=True)


def _examples(options):
    """Returns a batch as trainings have it: source, what stands beside it if anything, target."""
    random = np.random.default_rng(0)
    sides = (options.batch, *options.size)
    source, target = (
        random.uniform(-1, 1, (*sides, count)).astype("float32") for count in options.channels
    )
    if options.points:
        return [source, _points(random, options), target]
    if not options.classes:
        return [source, target]
    # Instances of 8x8 pixels.
    blocks = random.integers(0, options.classes, (options.batch, *(s // 8 for s in options.size)))
    labels = blocks.repeat(8, 1).repeat(8, 2)
    one_hot = 2 * np.eye(options.classes, dtype="float32")[labels] - 1
    return [one_hot, labels[..., np.newaxis].astype("int32"), target]


def _points(random, options):
    """Draws hints as `tfpix2pix.data.hint_points.drawn_points` does, but always as many."""
    shape = (options.batch, options.points)
    side = random.integers(1, 10, (*shape, 1))
    room = np.array(options.size) - side
    corners = np.clip(random.normal(room / 2, room / 4), 0, room).astype("int32")
    radius = (side - 1) / 2
    values = random.uniform(-1, 1, (*shape, options.channels[1]))
    is_hint = np.arange(options.points)[:, np.newaxis] < HINTS
    rows = [corners + radius, np.where(is_hint, radius, -1.0), values]
    return np.concatenate(rows, -1).astype("float32")


def configured(
    name: str,
    size: Optional[int] = None,
    filters: Optional[int] = None,
    batch: Optional[int] = None,
):
    """Returns the experiment of a preset with other sizes; of networks that grow, their last phase.

    Args:
        name: Name of the preset.
        size: Height of the images in pixels, of which the width follows; by default the preset's.
        filters: Filters of the networks' first level; by default the preset's.
        batch: Examples per step; by default the preset's.
    """
    from dataclasses import replace

    from tfpix2pix.config import PlaceConfig
    from tfpix2pix.data.places import IDS, INSTANCE
    from tfpix2pix.families import preset

    config = preset(name)
    height, width = config.data.image_size
    height, width = size or height, (size or height) * width // height
    changed = {}
    for option in ("base_filters", "discriminator_filters") if filters else ():
        # Where it is open, discriminators have as many as generators.
        if getattr(config.model, option, None):
            changed[option] = filters
    if hasattr(config.model, "first_size"):
        changed["first_size"] = height
    data = replace(config.data, image_size=(height, width), load_size=None)
    if data.source_labels:
        data = replace(data, places={INSTANCE.name: PlaceConfig(*IDS, kernel=INSTANCE.kernel)})
    return replace(
        config,
        data=data,
        model=replace(config.model, **changed),
        train=replace(config.train, batch_size=batch or config.train.batch_size),
    )


def options_of(config) -> Options:
    """Returns what is measured of an experiment as `configured` returns it."""
    from dataclasses import asdict

    from tfpix2pix.data.hint_points import MOST_DRAWN
    from tfpix2pix.families import pixels

    data = config.data
    task = pixels.task(config)
    return Options(
        config.name,
        list(data.image_size),
        config.train.batch_size,
        asdict(config.model),
        classes=data.source_labels or 0,
        channels=(3, 3) if data.source_labels else task.channels,
        points=MOST_DRAWN if hasattr(task, "hint_values") else 0,
    )


def least_side(config) -> int:
    """Returns the least side in pixels that is measured: 4 of networks that grow, else 32."""
    return 4 if hasattr(config.model, "first_size") else 32


def experiment(options: Options):
    """Returns our model of an experiment, and its directions."""
    from tfpix2pix.families import get_family

    filters = options.model.get("base_filters")
    config = configured(options.preset, options.size[0], filters, options.batch)
    family = get_family(config.family)
    model = family.model(config)
    return model, family.directions(config, model)


def _step(options, precision="float32"):
    from training.engine import loop  # Before TensorFlow, for which tfpix2pix sets what it reads.

    # isort: split
    import tensorflow as tf

    model, _ = experiment(options)
    examples = tf.data.Dataset.from_tensors(tuple(_examples(options))).repeat()
    strategy = tf.distribute.get_strategy()
    step = loop.training_step(model, strategy, precision)
    batches = loop.distributed_batches(strategy, lambda worker: examples)
    return lambda: step(next(batches))


def _translation(options, precision="float32"):
    from tfpix2pix.bfloat16 import graph_precision

    # isort: split
    import tensorflow as tf

    _, directions = experiment(options)
    network = next(iter(directions.values())).network
    translate = tf.function(lambda *inputs: network(inputs if inputs[1:] else inputs[0]))
    inputs = [tf.constant(images) for images in _examples(options)[:-1]]

    def run():
        with graph_precision(precision):
            return translate(*inputs).numpy()

    return run


def _pytorch(family, kind, options, channels_last=False, bfloat16=False, compiled=False):
    import torch

    restatement = importlib.import_module(f"training.benchmarks.pytorch_{family}")
    step, translate = restatement.restated(options)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for network in step.networks.values():
        network.to(memory_format=layout)
        network.train(kind == "step")
        if bfloat16:
            network.forward = _rounded(network.forward)
        if compiled:
            network.compile()
    *inputs, target = (
        torch.from_numpy(part.transpose(0, 3, 1, 2)).contiguous(memory_format=layout)
        if part.ndim == 4
        else torch.from_numpy(part)
        for part in _examples(options)
    )
    if kind == "step":
        return lambda: step(*inputs, target)
    return torch.inference_mode()(lambda: translate(*inputs).numpy())


def _rounded(forward):
    """Lets PyTorch's autocast compute a pass, whose end forgets the rounded weights."""
    import torch
    from torch.utils import _pytree as pytree

    def in_bfloat16(*inputs):
        with torch.autocast("cpu", torch.bfloat16):
            outputs = forward(*inputs)
        return pytree.tree_map(torch.Tensor.float, outputs)

    return in_bfloat16


def _openvino(options, precision="f32"):
    import openvino

    core = openvino.Core()
    source = _examples(options)[0]
    model = core.read_model(options.onnx)
    model.reshape(list(source.shape))
    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    hints["INFERENCE_NUM_THREADS"] = os.cpu_count()
    compiled = core.compile_model(model, "CPU", hints)
    return lambda: compiled({"image": source})["output"]


def _onnx_runtime(options):
    import onnxruntime

    session = onnxruntime.InferenceSession(options.onnx, providers=["CPUExecutionProvider"])
    source = _examples(options)[0]
    return lambda: session.run(None, {"image": source})[0]


OURS = {
    kind: {
        "tfpix2pix": Contender(build),
        "tfpix2pix, bfloat16": Contender(partial(build, precision="auto_bfloat16"), (BFLOAT16,)),
    }
    for kind, build in (("step", _step), ("translate", _translation))
}
PYTORCH_MODES = {
    "PyTorch": (),
    "PyTorch, channels_last": ("channels_last",),
    "PyTorch, compiled": ("compiled",),
    "PyTorch, bfloat16": ("channels_last", "bfloat16"),
    "PyTorch, bfloat16, compiled": ("channels_last", "bfloat16", "compiled"),
}
MODE_NEEDS = {"compiled": "g++", "bfloat16": BFLOAT16}
ON_OUR_FILE = {
    "ONNX Runtime": Contender(_onnx_runtime, ("onnxruntime", "tf2onnx")),
    "OpenVINO": Contender(_openvino, ("openvino", "tf2onnx")),
    "OpenVINO, bfloat16": Contender(
        partial(_openvino, precision="bf16"), ("openvino", "tf2onnx", BFLOAT16)
    ),
}


def contenders(family: str) -> dict:
    """Returns dicts of name to `Contender` of "step" and "translate", installed or not."""
    is_restated = importlib.util.find_spec(f"training.benchmarks.pytorch_{family}") is not None
    rows = {}
    for kind, others in (("step", {}), ("translate", ON_OUR_FILE)):
        peers = {}
        for name, modes in PYTORCH_MODES.items() if is_restated else ():
            build = partial(_pytorch, family, kind, **dict.fromkeys(modes, True))
            needs = ("torch", *(MODE_NEEDS[mode] for mode in modes if mode in MODE_NEEDS))
            peers[name] = Contender(build, needs)
        rows[kind] = {**OURS[kind], **peers, **others}
    return rows


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
