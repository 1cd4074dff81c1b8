"""A SavedModel whose answers say how many rows ran together, and servers that join requests."""

from contextlib import contextmanager

import tensorflow as tf

from serving.engine.batching import Scheduler
from serving.engine.batching_parameters import BatchingParameters
from serving.engine.manager import Manager
from tests.serving.engine.models import configured, spec

LONG = 600_000_000  # Microseconds; whoever waits for them fails the test.


class Joining(tf.Module):
    """Each row is doubled; `rows` and `sum` are of the whole batch that it was in."""

    @tf.function(input_signature=[tf.TensorSpec(None, "float32")])
    def double(self, x):
        rows = tf.shape(x)[:1]
        total = tf.fill(rows, tf.reduce_sum(x))
        return {"y": 2.0 * x, "rows": tf.fill(rows, rows[0]), "sum": total}

    @tf.function(input_signature=[tf.TensorSpec(None, "float32"), tf.TensorSpec(None)])
    def pair(self, a, b):
        return {"y": a + b}

    @tf.function(input_signature=[spec(None)])
    def root(self, x):
        """Refuses the whole batch where one number has no root."""
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, "no root")]):
            return {"y": tf.sqrt(x), "rows": tf.fill(tf.shape(x), tf.size(x))}

    @tf.function(input_signature=[tf.TensorSpec(None, "float32")])
    def total(self, x):
        return {"y": tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec(None, "float32")])
    def one(self, x):
        return {"y": tf.reshape(tf.reduce_max(x), [1])}

    @tf.function(input_signature=[spec(None, None, dtype="int32")])
    def gated(self, folders):
        """Says that it runs by a file in the first folder, and ends once there is another."""
        folder = tf.strings.unicode_encode(folders[0], "UTF-8")
        tf.io.write_file(folder + "/started", "")
        tries = tf.constant(0)
        # As in `models.Scaling.gated`.
        while tf.size(tf.io.matching_files(folder + "/open*" + tf.as_string(tries % 1))) == 0:
            tries += 1
        rows = tf.shape(folders)[:1]
        return {"rows": tf.fill(rows, rows[0]), "tries": tf.fill(rows, tries)}


def write_joining(version):
    """Writes a `Joining` as a version."""
    model = Joining()
    names = ("pair", "root", "total", "one", "gated")
    signatures = {"serving_default": model.double} | {name: getattr(model, name) for name in names}
    tf.saved_model.save(model, str(version), signatures)


@contextmanager
def joined(root, *names, **parameters):
    """Yields `(manager, scheduler)` of models that are loaded, with requests joined."""
    with Scheduler(BatchingParameters(**parameters)) as scheduler:
        manager = Manager(configured(root, *names), poll_seconds=0.02, scheduler=scheduler).start()
        try:
            yield manager, scheduler
        finally:
            manager.stop()
