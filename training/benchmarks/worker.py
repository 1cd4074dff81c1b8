"""A contender of `python -m training.benchmark step`, in a process of its own.

Runs once for each line of its input, and answers with a line of seconds and peak megabytes.
Frameworks are imported where they are used, so that each process has one of them alone.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

WARM_UP = 3  # Runs before anything is measured.


def main(contender, size: int, filters: int, batch: int, threads: int, exported):
    """Builds a contender and runs it at every line.

    Args:
        contender: Key of `CONTENDERS`.
        size: Side of the images in pixels, a power of 2.
        filters: Filters of the networks' first level.
        batch: Images per run.
        threads: Threads to use, or `None` for as many as there are cores.
        exported: Folder of our generator as a SavedModel.
    """
    run = CONTENDERS[contender](size, filters, batch, threads, exported)
    for _ in range(WARM_UP):
        run()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(json.dumps([time.perf_counter() - start, _peak_megabytes()]), flush=True)


def _peak_megabytes():
    """Returns the peak of this program; `getrusage` would include its parent's at the start."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _images(size, batch):
    random = np.random.default_rng(0)
    return [random.uniform(-1, 1, (batch, size, size, 3)).astype("float32") for _ in range(2)]


def _tensorflow(threads):
    import tfpix2pix  # noqa: F401, sets what TensorFlow reads on import.

    # isort: split
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    return tf


def _generator(size, filters):
    from tfpix2pix import unet_generator

    return unet_generator((None, None, 3), depth=size.bit_length() - 1, base_filters=filters)


def _step(size, filters, batch, threads, _):
    tf = _tensorflow(threads)
    from tfpix2pix import Pix2Pix, patch_discriminator
    from training.engine import loop

    discriminator = patch_discriminator((size, size, 3), base_filters=filters)
    model = Pix2Pix(_generator(size, filters), discriminator)
    model.compile()
    pairs = tf.data.Dataset.from_tensors(tuple(_images(size, batch))).repeat()
    strategy = tf.distribute.get_strategy()
    step = loop.training_step(model, strategy)
    batches = loop.distributed_batches(strategy, lambda place: pairs)
    return lambda: step(next(batches))


def _translation(size, filters, batch, threads, _):
    tf = _tensorflow(threads)
    generator = _generator(size, filters)
    source = tf.constant(_images(size, batch)[0])
    translate = tf.function(lambda images: generator(images, training=False))
    return lambda: translate(source).numpy()


def _exported_translation(size, filters, batch, threads, exported):
    tf = _tensorflow(threads)
    loaded = tf.saved_model.load(exported)
    translate = loaded.signatures["float"]
    source = tf.constant(_images(size, batch)[0])
    return lambda: translate(image=source)["output"].numpy()


def _tutorial_step(size, filters, batch, threads, _):
    tf = _tensorflow(threads)
    from training.benchmarks import tutorial

    step = tutorial.step(size, filters)
    source, target = (tf.constant(images) for images in _images(size, batch))
    return lambda: step(source, target)


def _plain_tutorial_step(*options):
    # As TensorFlow sets it where the processor has no VNNI; it reads this when it is imported.
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    return _tutorial_step(*options)


def _pytorch(size, filters, batch, threads):
    import torch

    from training.benchmarks import pytorch_step

    if threads:
        torch.set_num_threads(threads)
    channels_first = [images.transpose(0, 3, 1, 2).copy() for images in _images(size, batch)]
    generator = pytorch_step.UNet(size.bit_length() - 1, filters)
    return torch, pytorch_step, generator, [torch.from_numpy(x) for x in channels_first]


def _pytorch_step(size, filters, batch, threads, _):
    _, pytorch_step, generator, pair = _pytorch(size, filters, batch, threads)
    step = pytorch_step.Step(generator, pytorch_step.PatchGAN(6, filters))
    return lambda: step(*pair)


def _pytorch_translation(size, filters, batch, threads, _):
    torch, _, generator, (source, _) = _pytorch(size, filters, batch, threads)
    generator.eval()

    def translate():
        with torch.no_grad():
            return generator(source).numpy()

    return translate


CONTENDERS = {
    "step: tfpix2pix": _step,
    "step: PyTorch": _pytorch_step,
    "step: tutorial": _tutorial_step,
    "step: tutorial, no oneDNN": _plain_tutorial_step,
    "translate: tfpix2pix": _translation,
    "translate: tfpix2pix, exported": _exported_translation,
    "translate: PyTorch": _pytorch_translation,
}

if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
