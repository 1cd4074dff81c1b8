"""The training loop: a `tf.function` over all devices, checkpoints, metrics, pictures, resume."""

import json
import math
import signal
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

from tfpix2pix import config as configs
from tfpix2pix import factory, report
from tfpix2pix.data import jobs
from tfpix2pix.errors import InputError

# A resumed run may be longer, save at other steps and find its data elsewhere; the rest makes it
# another.
MAY_CHANGE = (
    "data.folder",
    "data.cache_gigabytes",
    "train.steps",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.log_every",
)
SHOWN_EXAMPLES = 4


def steps(model, strategy, batches_of):
    """Prepares a training without end, one batch a turn.

    Args:
        model: A compiled model with a `train_step`, made in the scope of `strategy`.
        strategy: `tf.distribute.Strategy`.
        batches_of: Function of the number of replicas to a `tf.data.Dataset` of their batches in
            turn.

    Returns:
        Iterator that takes a step at each turn; its values mean nothing.

    Raises:
        ValueError: If the batches cannot be made.
    """

    @tf.function
    def step(batch):
        strategy.run(model.train_step, args=(batch,))

    batches = strategy.distribute_datasets_from_function(
        lambda context: batches_of(context.num_replicas_in_sync)
    )
    return (step(batch) for batch in batches)


def device_strategy():
    """Returns the strategy for this machine: all its GPUs, or its one device."""
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def train(config, run, strategy=None):
    """Trains an experiment from where its run folder stands to its last step.

    The folder gets `config.yaml`, `metrics.jsonl`, `checkpoints/` and `samples/`. Ctrl-C or SIGTERM
    saves a checkpoint after the current step and returns; the same call goes on from there.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        run: Folder of the run.
        strategy: `tf.distribute.Strategy`; by default that of `device_strategy`.

    Returns:
        The model, and the number of steps it has taken.

    Raises:
        ValueError: If the data is unusable, the run is another experiment's, or a loss is not
            finite.
    """
    run, strategy = Path(run), strategy or device_strategy()
    examples = factory.examples(config, "train", progress=_surveying)
    config = factory.completed(config, examples)
    check_same_experiment(config, run)
    if examples.skipped:
        tqdm.write(f"{len(examples.skipped)} files are left out: {jobs.listed(examples.skipped)}")
    with strategy.scope():
        model = factory.compiled_model(config)
    step = tf.Variable(0, dtype="int64", trainable=False)  # Of the loop, not of each replica.
    manager = tf.train.CheckpointManager(
        factory.checkpoint(model, step),
        run / factory.CHECKPOINTS,
        max_to_keep=config.train.keep_checkpoints,
        step_counter=step,
    )

    manager.restore_or_initialize()
    first, last = int(step), config.train.steps
    taken = steps(
        model,
        strategy,
        lambda replicas: factory.training_batches(
            config, examples, replicas=replicas, first_step=first
        ),
    )
    held_out = factory.examples(config, "held_out", progress=_surveying)
    samples = list(factory.evaluation_batches(config, held_out).take(SHOWN_EXAMPLES))
    configs.save(config, run)  # From here on nothing is refused.

    with _interruptible() as interrupted, tqdm(total=last, initial=first, unit=" steps") as bar:
        for now, _ in zip(range(first + 1, last + 1), taken):
            bar.update()
            ends = now == last or interrupted()
            if ends or now % config.train.log_every == 0:
                bar.set_postfix(_log(model, now, run))
            if ends or now % config.train.checkpoint_every == 0:
                step.assign(now)
                manager.save(checkpoint_number=now)
                columns = report.columns(model, factory.task(config), samples)
                report.save_picture(report.comparison(columns), run / f"samples/{now:06d}.png")
            if ends:
                break
    return model, int(step)


def check_same_experiment(config, run):
    """Refuses to go on in the folder of a run that was started with other options.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        run: Folder of the run, which need not exist.

    Raises:
        ValueError: If the options differ in more than length, place of the data and saving.
    """
    if not (Path(run) / configs.FILE_NAME).exists():
        return
    changed = configs.differences(configs.load(run), config, ignoring=MAY_CHANGE)
    if changed:
        listed = ", ".join(f"{name} {old!r} -> {new!r}" for name, (old, new) in changed.items())
        raise InputError(
            f"A run goes on with the options it was started with. Received for {str(run)!r}: "
            f"{listed}. Use those options or another --run folder."
        )


def _log(model, step, run):
    """Appends the means since the last call to `metrics.jsonl` and returns them as short text."""
    values = {term: float(tracker.result()) for term, tracker in model.trackers.items()}
    for tracker in model.trackers.values():
        tracker.reset_state()
    bad = [term for term, value in values.items() if not math.isfinite(value)]
    if bad:
        raise InputError(
            f"All losses must be finite. Received by step {step}: {', '.join(bad)} is not; the "
            "last checkpoint is from before. Lower --train.learning_rate, or look for broken "
            "images."
        )
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, **values}) + "\n")
    return {term: f"{value:.3g}" for term, value in values.items()}


def _surveying(records, total):
    return tqdm(records, "Looking at new files", total, leave=False)


@contextmanager
def _interruptible():
    """Turns the first Ctrl-C or SIGTERM into a yes of the yielded function; a second acts."""
    received = []

    def note(number, _):
        received.append(number)
        signal.signal(number, previous[number])

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
