"""From nothing to an answered gRPC query on synthetic facades: `python -m training.quickstart`."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import jsonargparse
import numpy as np
from PIL import Image

from tfpix2pix.errors import InputError, reported
from tfpix2pix.families import preset
from tfpix2pix.lazily import images, metrics, report, runs, synthetic
from tfpix2pix.locations import at_home

TRAINING_PAIRS = 400
HELD_OUT_PAIRS = 32
SHOWN = 6
MODEL = "quickstart"
PRESET = preset("quickstart")


def main(run: Path = Path("runs/quickstart"), steps: int = PRESET.train.steps):
    """Makes data, trains, evaluates, exports, serves and translates; every part is the real one.

    Args:
        run: Folder for everything that is made; a training found there is gone on with.
        steps: Length of the training.
    """
    # After the command line has been read: TensorFlow takes seconds.
    from training.engine import loop

    train = dataclasses.replace(PRESET.train, steps=steps)
    config = dataclasses.replace(PRESET, train=train).with_data(run / "data")
    size = config.data.image_size
    print(f"1/5 Making {TRAINING_PAIRS} + {HELD_OUT_PAIRS} facades of {size[0]}x{size[1]} pixels")
    synthetic.write_pairs(run / "data/train", TRAINING_PAIRS, size, seed=0)
    synthetic.write_pairs(run / "data/test", HELD_OUT_PAIRS, size, seed=1)

    print(f"2/5 Training for {steps} steps")
    model, step = loop.train(config, run)
    if step < steps:
        raise InputError(
            f"The training was stopped at step {step} of {steps}. Run the same command again."
        )

    print("3/5 Evaluating on the held-out pairs")
    trained = runs.load_run(run)
    held_out = trained.examples("test")
    source, target = _all_pairs(trained, held_out)
    check_l1(model, (source, target), _all_pairs(trained, trained.examples("train")))

    print("4/5 Exporting")
    _python("serving.export", "--run", run, "--to", run / "exports" / MODEL)

    print("5/5 Serving, and translating the held-out inputs")
    served = serve(run, held_out.names, images.to_pixels(source).numpy())
    own = images.to_pixels(model.translate(source)).numpy()
    check_served(served, own)

    shown = {
        "input": images.to_pixels(source),
        "output": served,
        "target": images.to_pixels(target),
    }
    picture = report.comparison({title: batch[:SHOWN] for title, batch in shown.items()})
    report.save_picture(picture, run / "report.png")
    print(f"\nDone. Look at {run / 'report.png'}. Beside it lie:")
    for name, content in (
        ("data", "the image pairs"),
        ("config.yaml", "the whole configuration"),
        ("metrics.jsonl", "the losses"),
        ("samples", "pictures from during the training"),
        ("checkpoints", "what the same command resumes from"),
        (f"exports/{MODEL}", "the served SavedModel"),
        ("inputs, outputs", "what was sent and answered"),
    ):
        print(f"    {name:20} {content}")
    print("\nDraw a cat, with a model that is trained already: python -m serving.demo")


def check_l1(model, held_out, training):
    """Refuses a model that is hardly better than answering every input with the mean photo.

    Args:
        model: A compiled `Pix2Pix`.
        held_out: `(source, target)`, float `[batch, height, width, 3]` in [-1, 1].
        training: The same of the training pairs.

    Raises:
        ValueError: If the held-out L1 is not below half of that baseline.
    """
    l1 = model.evaluate(*held_out, batch_size=8, verbose=0, return_dict=True)["l1"]
    baseline = metrics.mean_image_l1([training], [held_out])
    if not l1 < 0.5 * baseline:
        raise InputError(
            f"The held-out L1 must be below half of the mean image's, {0.5 * baseline:.3f}. "
            f"Received: {l1:.3f}. Train for more --steps."
        )
    print(f"    L1 {l1:.3f}, {l1 / baseline:.2f} of the mean image's {baseline:.3f}")


def check_served(served, own):
    """Refuses a server whose pixels are not the model's own.

    Args:
        served: uint8 `[batch, height, width, 3]`, as answered.
        own: uint8 of the same shape, as translated in this process.

    Raises:
        ValueError: If any value differs by more than the one level that rounding can turn.
    """
    difference = np.abs(served.astype(int) - own)
    if difference.max() > 1:
        raise InputError(
            f"The served pixels must equal the model's own. Received: differences of up to "
            f"{difference.max()} of 255. Use the same TF_ENABLE_ONEDNN_OPTS for both."
        )
    print(
        f"    {np.mean(difference == 0):.2%} of the served values equal the model's own to the bit"
    )


def serve(run, names, pixels):
    """Sends images through the exported model, a server and the client, each a process of its own.

    Args:
        run: Folder of the run; images go to `inputs`, answers to `outputs`.
        names: File name of each image.
        pixels: uint8 `[batch, height, width, 3]`.

    Returns:
        uint8 `[batch, height, width, 3]`, as answered.
    """
    files = [run / "inputs" / name for name in names]
    for file, image in zip(files, pixels):
        report.save_picture(Image.fromarray(image), file)
    options = ("--export", run / "exports" / MODEL, "--to", run / "outputs")
    _python("serving.client", *files, *options)
    return np.stack([np.asarray(Image.open(run / "outputs" / name)) for name in names])


def _all_pairs(run, examples):
    pairs = zip(*run.held_out(examples).as_numpy_iterator())
    return tuple(np.concatenate(images) for images in pairs)


def _python(module, *arguments):
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], check=True)


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(
            main, args=at_home(), as_positional=False, prog="python -m training.quickstart"
        )
