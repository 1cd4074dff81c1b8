"""Devices: the strategy for one device, many, or many machines, and what is each one's part."""

import json
import os

import tensorflow as tf

from tfpix2pix.errors import InputError


def strategy(devices=None):
    """Returns the strategy for the devices of this machine, or of all that `TF_CONFIG` names.

    Args:
        devices: How many devices of this machine to train on; by default all its GPUs, or its
            processor as one device. Without GPUs, its processor is divided.

    Returns:
        `tf.distribute.Strategy`.

    Raises:
        ValueError: If they are none, or more than the GPUs, or `TF_CONFIG` is no cluster of
            workers or decides them.
    """
    if devices is not None and devices < 1:
        raise InputError(
            f"There must be at least one device to train on. Received: {devices}. Leave --devices "
            "out for all that there are."
        )
    if os.environ.get("TF_CONFIG"):
        if devices is not None:
            raise InputError(
                "The machines of TF_CONFIG train on all of their GPUs. Received: --devices "
                f"{devices} beside it. Leave --devices out; CUDA_VISIBLE_DEVICES hides GPUs."
            )
        return _of_machines()
    gpus = tf.config.list_physical_devices("GPU")
    count = devices or max(len(gpus), 1)
    if gpus and count > len(gpus):
        raise InputError(
            f"There must be as many GPUs as devices are asked for. Received: {count} for "
            f"{len(gpus)}. Use --devices {len(gpus)}."
        )
    if count == 1:
        return tf.distribute.get_strategy()
    if not gpus:
        parts = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    kind = "GPU" if gpus else "CPU"
    return tf.distribute.MirroredStrategy([f"{kind}:{number}" for number in range(count)])


def _of_machines():
    try:
        cluster = json.loads(os.environ["TF_CONFIG"])
        workers = cluster["cluster"]["worker"]
        task = cluster["task"]
        if task["type"] != "worker" or not 0 <= task["index"] < len(workers):
            raise ValueError(f"task {task} is none of {len(workers)} workers")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            "TF_CONFIG must be a cluster of workers and this machine's index in it. Received: "
            f"{os.environ['TF_CONFIG']} ({error}). Use for example "
            '{"cluster": {"worker": ["HOST1:PORT", "HOST2:PORT"]}, '
            '"task": {"type": "worker", "index": 0}}.'
        ) from error
    # Rings go over any network; where there are GPUs, TensorFlow takes NCCL by itself.
    implementation = tf.distribute.experimental.CommunicationImplementation
    ring = not tf.config.list_physical_devices("GPU")
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=implementation.RING if ring else implementation.AUTO
    )
    return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)


def worker_number(strategy):
    """Returns which of the workers this process is.

    Args:
        strategy: `tf.distribute.Strategy`.

    Returns:
        `(worker, workers)`: its number, 0 for the chief that writes the run folder, and their
        count.
    """
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.cluster_spec():
        return 0, 1
    return resolver.task_id, len(resolver.cluster_spec().as_dict()["worker"])
