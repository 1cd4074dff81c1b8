"""The training loop: a `tf.function` over all devices, checkpoints, metrics, pictures, resume."""

import signal
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import tensorflow as tf
from tqdm import tqdm

from tfpix2pix import config as configs
from tfpix2pix import factory
from tfpix2pix.errors import InputError, listed
from training.engine import devices
from training.engine.checkpoints import Checkpoints
from training.engine.fine_tuning import start_from
from training.engine.monitor import Watch
from training.engine.run_log import EVENTS, RunLog

# A resumed run may be longer, save at other steps and find its data elsewhere; the rest makes it
# another.
MAY_CHANGE = (
    "data.folder",
    "data.cache_gigabytes",
    "train.steps",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.log_every",
    "train.validate_every",
    "train.best_by",
    "train.patience",
    "train.rollback",
    "train.histograms",
    "train.start_from",
)
SHOWN_EXAMPLES, VALIDATED_EXAMPLES = 4, 100
SETTLED = 5  # Steps before a trace begins.


def steps(model, strategy, batches_of):
    """Prepares a training without end, one batch a turn.

    Args:
        model: A compiled model with a `train_step`, made in the scope of `strategy`.
        strategy: `tf.distribute.Strategy`.
        batches_of: Function of the number of replicas of a worker, the worker's number and the
            count of workers to a `tf.data.Dataset` of the replicas' batches in turn.

    Returns:
        Iterator that takes a step at each turn and gives its batch.

    Raises:
        ValueError: If the batches cannot be made.
    """
    own_step = model.train_step
    if model.jit_compile:  # One device alone; a function within one is none for several.
        own_step = tf.function(own_step, jit_compile=True)

    @tf.function
    def step(batch):
        strategy.run(own_step, args=(batch,))

    def taken(batches):
        for batch in batches:
            step(batch)
            yield batch

    worker, workers = devices.place(strategy)
    replicas = strategy.num_replicas_in_sync // workers
    batches = strategy.distribute_datasets_from_function(
        lambda context: batches_of(replicas, worker, workers)
    )
    gpus = tf.config.list_logical_devices("GPU")
    if gpus and isinstance(batches, tf.data.Dataset):
        # The batches of many devices are copied ahead; those of a single one are not.
        batches = batches.apply(tf.data.experimental.prefetch_to_device(gpus[0].name))
    return taken(batches)


def train(config, run, strategy=None, *, until=None, profile=0):
    """Trains an experiment from where its run folder stands to its last step.

    Ctrl-C or SIGTERM saves a checkpoint after the current step and returns; the same call goes on
    from there, and so it does from the last checkpoint after anything else.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        run: Folder of the run; see the README beside this file for what it gets.
        strategy: `tf.distribute.Strategy`; by default that of `devices.strategy`.
        until: Step to end at, if it comes before the last.
        profile: How many steps TensorFlow's profiler traces, after the first few.

    Returns:
        The model, and the number of steps it has taken.

    Raises:
        ValueError: If the data is unusable, the run is another experiment's, a checkpoint cannot
            be read or written, or a loss is not finite.
    """
    run, strategy = Path(run), strategy or devices.strategy()
    examples = factory.examples(config, "train", progress=surveying)
    config = factory.completed(config, examples)
    check_same_experiment(config, run)
    if examples.skipped:
        tqdm.write(f"{len(examples.skipped)} files are left out: {listed(examples.skipped)}")
    if config.train.deterministic:
        tf.config.experimental.enable_op_determinism()
    with strategy.scope():
        model = factory.compiled_model(config)
    worker, workers = devices.place(strategy)
    is_chief = worker == 0
    checkpoints = Checkpoints(model, run, config.train.keep_checkpoints, is_chief=is_chief)
    for path in checkpoints.restore():
        tqdm.write(f"A checkpoint is damaged and passed over: {path}")
    first, last = int(checkpoints.step), min(config.train.steps, until or config.train.steps)
    if config.train.start_from and first == 0:
        tqdm.write(f"From {config.train.start_from}: {start_from(model, config.train.start_from)}.")
    taken = steps(
        model,
        strategy,
        lambda replicas, worker, workers: factory.training_batches(
            config,
            examples,
            replicas=replicas,
            first_step=first,
            worker=worker,
            workers=workers,
        ),
    )
    held_out = factory.examples(config, "held_out", progress=surveying)
    samples = list(factory.evaluation_batches(config, held_out).take(SHOWN_EXAMPLES))
    validation = factory.evaluation_batches(config, held_out).take(VALIDATED_EXAMPLES)

    # From here on nothing is refused. Only the chief writes the run folder.
    with ExitStack() as stack:
        folder = run if is_chief else Path(stack.enter_context(TemporaryDirectory()))
        journal = stack.enter_context(RunLog(folder, config, first))
        interrupted = stack.enter_context(_interruptible())
        bar = stack.enter_context(
            tqdm(total=last, initial=first, unit=" steps", disable=not is_chief)
        )
        watch = Watch(model, config, checkpoints, journal, strategy)
        train, turns = config.train, range(first + 1, 1 + (first if watch.is_over else last))
        taken = _while_all_stay(taken, workers)
        taken = stack.enter_context(closing(_profiled(taken, profile, folder / EVENTS)))
        watch.expect(first + 1)
        for now, batch in zip(turns, taken):
            bar.update()
            journal.mark()
            watch.check(now, batch)
            if now == last or now % (train.validate_every or train.checkpoint_every) == 0:
                watch.validate(now, validation)
            ends = now == last or interrupted() or watch.is_over
            if ends or watch.held_out or now % train.log_every == 0:
                speed = (bar.format_dict["rate"] or 0) * train.batch_size
                bar.set_postfix({"images/s": f"{speed:.3g}", **watch.log(now)})
            if ends or now % train.checkpoint_every == 0:
                checkpoints.save(now)
                watch.sample(now, samples)
            if ends:
                break
            watch.expect(now + 1)
    return model, int(checkpoints.step)


def _while_all_stay(taken, workers):
    """Turns the loss of another worker into an error that names the cure."""
    try:
        yield from taken
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError) as error:
        if workers == 1:
            raise
        raise InputError(
            f"All {workers} workers must stay until the end. Received: "
            f"{str(error).splitlines()[0][:200]}. Start the same command on all machines again: it "
            "goes on from the last checkpoint."
        ) from error


def _profiled(taken, count, folder):
    """Lets the profiler trace `count` steps after those that build graphs and fill buffers."""
    traced = range(SETTLED, SETTLED + count)
    with ExitStack() as tracing:
        for number, batch in enumerate(taken):
            yield batch
            if count and number + 1 == traced.start:
                tracing.enter_context(tf.profiler.experimental.Profile(str(folder)))
            elif number + 1 == traced.stop:
                tracing.close()


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
    # A schedule that falls is made of the number of steps.
    fixed = {"train.steps"} if config.train.schedule != "constant" else set()
    changed = configs.differences(configs.load(run), config, ignoring={*MAY_CHANGE} - fixed)
    if changed:
        listed = ", ".join(f"{name} {old!r} -> {new!r}" for name, (old, new) in changed.items())
        raise InputError(
            f"A run goes on with the options it was started with. Received for {str(run)!r}: "
            f"{listed}. Use those options or another --run folder."
        )


def surveying(records, total):
    """Shows how many of the new files of a data set have been looked at."""
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
