"""Attributed: unpaired domains of whose images a table says something, and the control of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.data.parallel import silent
from tfpix2pix.errors import InputError
from tfpix2pix.families import unpaired
from tfpix2pix.families.domain_examples import Domains, domain_names
from tfpix2pix.families.feeding import stated_folder
from tfpix2pix.lazily import attributes, inference, sources, tables, tf

NAME = "attributes"


def examples(config: ExperimentConfig, split: str, progress: Callable = silent) -> Domains:
    r"""Finds and checks the images of all domains, and gives them their attributes.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`; without `data.attributes` as of unpaired data.
        split: As of that.
        progress: As of that.

    Returns:
        `Domains`, of which those that the table names have `rows`, see
        `tfpix2pix.data.attributes.with_vectors`.

    Raises:
        ValueError: As of unpaired data; or if the table is missing, cannot be read, or before the
            training names what is not there.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix import atomic
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.families import preset
        >>> for name in ("elfs/trainA/1.png", "elfs/trainB/2.png", "elfs/trainB/3.png"):
        ...     codecs.write(np.zeros((4, 8, 3), "uint8"), name)
        >>> atomic.write_bytes(b"image,hair\n2,red\n3,blue", "elfs.csv")
        >>> config = preset("twingan_tiny").with_data("elfs")
        >>> data = dataclasses.replace(config.data, attributes="elfs.csv")
        >>> a, b = examples(dataclasses.replace(config, data=data), "train")
        >>> a.rows is None, b.rows.tolist()
        (True, [[0.0, 1.0], [1.0, 0.0]])
    """
    data = dataclasses.replace(config.data, attributes=None)
    domains = unpaired.examples(dataclasses.replace(config, data=data), split, progress)
    if config.data.attributes is None:
        if config.model.attributed:
            raise InputError(
                "A model of attributes reads them from a table. Received: none, and attributes of "
                f"{', '.join(config.model.attributed)}. Set `data.attributes`."
            )
        return domains
    table = attributes.read_attributes(config.data.attributes)
    columns = config.model.attributes
    named = config.model.attributed
    if columns is None:
        columns = table.columns
        names = domain_names(config)
        listed = sources.unpaired_names(stated_folder(data), names)
        attributes.check_names(table, [name for of_domain in listed.values() for name in of_domain])
        named = [domain for domain in names if _is_named(table, listed[domain])]
    return Domains(
        attributes.with_vectors(domain, table, columns) if name in named else domain
        for name, domain in zip(domain_names(config), domains)
    )


def _is_named(table, names):
    return any(key in table.rows for name in names for key in tables.keys_of(name))


def completed(config: ExperimentConfig, examples: Domains) -> ExperimentConfig:
    r"""Fills in what a configuration leaves to the data: pixels, and what attributes there are.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `Domains` to train on.

    Returns:
        The configuration with everything that is needed without the data.

    Raises:
        ValueError: As of unpaired data.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix import atomic
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.families import preset
        >>> for name in ("imps/trainA/1.png", "imps/trainB/2.png", "imps/trainB/3.png"):
        ...     codecs.write(np.zeros((4, 8, 3), "uint8"), name)
        >>> atomic.write_bytes(b"image,age\n2,7\n3,9", "imps.csv")
        >>> config = preset("twingan_tiny").with_data("imps")
        >>> data = dataclasses.replace(config.data, attributes="imps.csv")
        >>> config = dataclasses.replace(config, data=data)
        >>> config = completed(config, examples(config, "train"))
        >>> config.model.attributes, config.model.attributed
        ({'age': (7.0, 9.0)}, ('B',))
    """
    config = unpaired.completed(config, examples)
    if config.data.attributes is None or config.model.attributes is not None:
        return config
    domains = zip(domain_names(config), examples)
    model = dataclasses.replace(
        config.model,
        attributes=attributes.read_attributes(config.data.attributes).columns,
        attributed=tuple(name for name, domain in domains if domain.rows is not None),
    )
    return dataclasses.replace(config, model=model)


def control(columns: Mapping[str, Sequence]) -> inference.Control:
    """Returns the control of attributes; by default nothing is said of them.

    Args:
        columns: As of `tfpix2pix.data.attributes.Attributes`.

    Returns:
        `tfpix2pix.inference.Control`, whose values are vectors of
        `tfpix2pix.data.attributes.attribute_vector`, or dicts of which it makes some. By chance
        each attribute has any value.

    Example:
        >>> one = control({"hair": ("blue", "red"), "age": (7.0, 9.0)})
        >>> one.spec.shape, one.neutral(tf.zeros((1, 8, 8, 3))).numpy().tolist()
        (TensorShape([4]), [[0.0, 0.0, 0.0, 0.0]])
        >>> one.sample(tf.constant([7, 0], "int64"), tf.zeros((1, 8, 8, 3)))[0, 3].numpy().item()
        1.0
    """
    length = sum(attributes.lengths(columns))

    def neutral(source):
        return tf.zeros((tf.shape(source)[0], length))

    def sample(seed, source):
        parts = []
        for number, column in enumerate(columns.values()):
            own = tf.random.experimental.stateless_fold_in(seed, number)
            if attributes.is_words(column):
                count = len(column)
                word = tf.random.stateless_uniform((1,), own, 0, count, "int32")
                parts.append(tf.one_hot(word, count))
            else:
                place = tf.random.stateless_uniform((1, 1), own, -1.0, 1.0)
                parts.append(tf.concat([place, tf.ones((1, 1))], -1))
        return tf.repeat(tf.concat(parts, -1), tf.shape(source)[0], axis=0)

    def prepared(vectors, source):
        del source
        # NaN is not at most 1.
        fits = tf.reduce_all(tf.abs(vectors) <= 1.0)
        rule = "A vector of attributes must be of numbers from -1 to 1. Received: "
        check = tf.debugging.Assert(fits, [rule, vectors], summarize=length)
        with tf.control_dependencies([check]):
            return tf.identity(vectors)

    about = {
        "kind": NAME,
        "title": "Attributes",
        "range": [-1.0, 1.0],
        "columns": {name: list(column) for name, column in columns.items()},
    }
    spec = tf.TensorSpec((length,))
    return inference.Control(NAME, spec, neutral, about, sample, prepared)


FEED = dataclasses.replace(
    unpaired.FEED,
    examples=examples,
    completed=completed,
    ignored={k: v for k, v in unpaired.FEED.ignored.items() if k != "data.attributes"},
)
