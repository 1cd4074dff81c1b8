"""The training loop: a `tf.function` over all devices, checkpoints, metrics, pictures, resume."""

import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Optional, Union

import tensorflow as tf
from tqdm import tqdm

from tfpix2pix import runs
from tfpix2pix.bfloat16 import check_precision, graph_precision
from tfpix2pix.errors import InputError
from tfpix2pix.families import Worker, get_family
from tfpix2pix.locations import readable
from training import progress
from training.engine import devices
from training.engine.batches import completed
from training.engine.checkpoints import Checkpoints
from training.engine.data_notes import changed_data, data_notes, data_record
from training.engine.fine_tuning import start_from
from training.engine.locking import locked
from training.engine.monitor import Monitor
from training.engine.resuming import check_same_experiment
from training.engine.run_log import EVENTS, RunLog

SHOWN_EXAMPLES = 4
VALIDATED_EXAMPLES = 100
SETTLED = 5  # Steps before a trace begins.


def training_step(model, strategy, precision: str = "float32"):
    """Compiles the step of a training.

    Args:
        model: A compiled model with a `train_step`, made in the scope of `strategy`.
        strategy: `tf.distribute.Strategy`.
        precision: What the graph computes in, see `tfpix2pix.bfloat16.graph_precision`.

    Returns:
        Function of a batch, as `distributed_batches` yields it, that takes a step.
    """
    with strategy.scope():
        model.make_optimizer_variables()
    replica_step = model.train_step
    if model.jit_compile:  # One device alone; a function within one is none for several.
        replica_step = tf.function(replica_step, jit_compile=True, autograph=False)

    # AutoGraph rewrites the step and all layers that it calls, which takes two fifths of the time
    # until the first step; none of them has a Python condition on a tensor.
    @tf.function(autograph=False)
    def graph(batch):
        strategy.run(replica_step, args=(batch,))

    def step(batch):
        with graph_precision(precision):
            graph(batch)

    return step


def distributed_batches(strategy, batches):
    """Distributes batches over all devices.

    Args:
        strategy: `tf.distribute.Strategy`.
        batches: Function of `tfpix2pix.families.Worker` to a `tf.data.Dataset` of the batches of
            a worker's replicas, of one after the other.

    Returns:
        Iterator of what the function of `training_step` takes.

    Raises:
        ValueError: If the batches cannot be made.
    """
    index, workers = devices.worker_number(strategy)
    worker = Worker(strategy.num_replicas_in_sync // workers, index, workers)
    dataset = batches(worker)
    if worker.replicas > 1:
        return _of_replicas(strategy, iter(dataset))
    gpus = tf.config.list_logical_devices("GPU")
    if gpus:
        dataset = dataset.apply(tf.data.experimental.prefetch_to_device(gpus[0].name))
    return iter(dataset)


def _of_replicas(strategy, batches):
    """Yields batches of several devices.

    The strategy's own iterator can crash where it is dropped amid a stream: docs/surprises.md.
    """
    places = strategy.extended.worker_devices

    def batch(context):
        with tf.device(places[context.replica_id_in_sync_group % len(places)]):
            return tf.nest.map_structure(tf.identity, next(batches))

    while True:
        yield strategy.experimental_distribute_values_from_function(batch)


def train(
    config, run: Union[str, Path], strategy=None, *, until: Optional[int] = None, profile: int = 0
):
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
        ValueError: If the data is unusable, the run is another experiment's, the machine does not
            compute in the precision, a checkpoint cannot be read or written, or a loss is not
            finite.
    """
    run = readable(run)
    strategy = strategy or devices.strategy()
    check_precision(config.train.precision)
    config, examples = completed(config)
    family = get_family(config.family)
    check_same_experiment(config, run)
    if config.train.deterministic:
        tf.config.experimental.enable_op_determinism()
    training = _Training(family, config, run, strategy, examples)
    model = training.model
    names = list(examples.names)
    for note in (
        *data_notes(config, examples, training.phases),
        *changed_data(run, names),
        *model.notes,
    ):
        tqdm.write(note)
    first = training.restore()
    last = min(config.train.steps, until or config.train.steps)
    training.prepare(first)
    if config.train.start_from and first == 0:
        tqdm.write(f"From {config.train.start_from}: {start_from(model, config.train.start_from)}.")

    # Nothing is refused from here on. Only the chief writes the run folder.
    with ExitStack() as stack:
        folder = run if training.is_chief else Path(stack.enter_context(TemporaryDirectory()))
        stack.enter_context(locked(folder))
        runs.save_phases(training.phases, folder)
        if first < last:
            runs.drop_finished(folder, first)
        run_log = stack.enter_context(RunLog(folder, config, first, data_record(names)))
        interrupted = stack.enter_context(_interruptible())
        bar = tqdm(total=last, initial=first, unit=" steps", disable=not training.is_chief)
        stack.enter_context(bar)
        profiler = stack.enter_context(_Profiler(profile, folder / EVENTS))
        training.run(first, last, run_log, bar, profiler, interrupted)
        ends = training.is_chief and not interrupted()
    filled = runs.finish_run(run) if ends and family.finish else []
    if filled:
        tqdm.write(f"The state that it translates by is filled after steps {', '.join(filled)}.")
    return training.model, int(training.checkpoints.step)


class _Training:
    """The parts of a training that its phases share."""

    def __init__(self, family, config, run, strategy, examples):
        worker, self.workers = devices.worker_number(strategy)
        self.is_chief = worker == 0
        self.family = family
        self.config = config
        self.strategy = strategy
        self.model = self._built()
        self.examples = examples
        self.held_out = runs.examples(config, "held_out", progress.survey)
        self.phases = runs.run_phases(config, run)
        self.phase = None  # The one that the model is in.
        self.feed = None  # Batches to train on, sample batches and validation batches of it.
        self.lost = 0  # Steps that were taken again: their batches do not come again.
        self.checkpoints = Checkpoints(
            self.model, run, config.train.keep_checkpoints, is_chief=self.is_chief
        )

    def restore(self):
        """Restores the newest whole checkpoint, in its phase; returns the number of steps taken."""
        for path in self.checkpoints.restore(self.enter):
            tqdm.write(f"A checkpoint is damaged and passed over: {path}")
        return int(self.checkpoints.step)

    def _built(self):
        with self.strategy.scope():  # Else AutoGraph rewrites the layers' functions, for seconds.
            return tf.autograph.experimental.do_not_convert(self.family.model)(self.config)

    def enter(self, step):
        """Brings the model into the phase of a step; returns the phase, and its progress.

        Going back to an earlier one starts with new networks, for a checkpoint has nothing of what
        later phases add, which may be what is not finite.
        """
        phase, progress = runs.phase_at(self.phases, step)
        if self.phase and self.phases.index(phase) < self.phases.index(self.phase):
            self.model = self._built()
        with self.strategy.scope():
            self.model.enter(phase, progress)
        if phase is not self.phase:
            self.phase = phase
            self.feed = None
            self.checkpoints.track(self.model)
        return phase, progress

    def prepare(self, taken):
        """Makes the batches of the next step's phase, so that what does not fit is refused."""
        phase, _ = self.enter(taken + 1)
        if self.feed is None:
            feed = self.family.feed
            first = taken + self.lost
            batches = distributed_batches(
                self.strategy,
                lambda worker: feed.training(self.config, self.examples, phase, worker, first),
            )
            held_out = feed.held_out(self.config, self.held_out, phase)
            samples = list(held_out.take(SHOWN_EXAMPLES))
            self.feed = (batches, samples, held_out.take(VALIDATED_EXAMPLES))

    def run(self, first, last, run_log, bar, profiler, interrupted):
        """Takes the steps after `first` up to `last`, phase by phase."""
        directions = self.family.directions(self.config, self.model)
        tasks = {name: direction.task for name, direction in directions.items()}
        monitor = Monitor(
            self.model,
            self.config,
            self.checkpoints,
            run_log,
            self.strategy,
            tasks,
            self.restore,
        )
        taken = first
        ends = monitor.is_over
        with _all_stay(self.workers):  # Logging exchanges between workers too.
            while not ends and taken < last:
                taken, ends = self._take_steps(taken, last, monitor, bar, profiler, interrupted)
                if taken < bar.n:
                    self.lost += bar.n - taken
                    run_log.go_back(taken)
                    bar.n = taken
                    monitor.model = self.model

    def _take_steps(self, taken, last, monitor, bar, profiler, interrupted):
        """Takes steps of one phase; returns the number of steps taken, and whether all end there.

        Where a loss that is not finite leads back into another phase, that is the one to go on in.
        """
        train = self.config.train
        self.prepare(taken)
        phase = self.phase
        batches, samples, validation = self.feed
        take_step = training_step(self.model, self.strategy, train.precision)
        for now in range(taken + 1, last + 1):
            entered, progress = self.enter(now)
            if entered is not phase:
                return now - 1, False
            if progress == 0.0:
                self.checkpoints.forget_best()
            monitor.expect(now)
            batch = next(batches)
            take_step(batch)
            bar.update()
            monitor.run_log.mark()
            profiler.count()
            monitor.check(now, batch)
            if self.phase is not phase:
                return int(self.checkpoints.step), False
            if now == last or now % (train.validate_every or train.checkpoint_every) == 0:
                monitor.validate(now, validation)
            ends = now == last or interrupted() or monitor.is_over
            if ends or monitor.held_out or now % train.log_every == 0:
                speed = (bar.format_dict["rate"] or 0) * phase.batch_size
                bar.set_postfix({"images/s": f"{speed:.3g}", **monitor.log(now)})
            if ends or now % train.checkpoint_every == 0:
                self.checkpoints.save(now)
                monitor.sample(now, samples)
            if ends:
                break
        return now, ends


@contextmanager
def _all_stay(workers):
    """Turns the loss of another worker into an error that names the cure."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError) as error:
        if workers == 1:
            raise
        raise InputError(
            f"All {workers} workers must stay until the end. Received: "
            f"{str(error).splitlines()[0][:200]}. Start the same command on all machines again: it "
            "goes on from the last checkpoint."
        ) from error


class _Profiler:
    """Lets TensorFlow's profiler trace steps after those that build graphs and fill buffers."""

    def __init__(self, steps, folder):
        self._first = SETTLED
        self._last = SETTLED + steps
        self._folder = str(folder)
        self._count = 0
        self._trace = ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._trace.close()

    def count(self):
        """Counts a step, and starts or ends the trace after it."""
        self._count += 1
        if self._count == self._last:
            self._trace.close()
        elif self._count == self._first:
            self._trace.enter_context(tf.profiler.experimental.Profile(self._folder))


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
