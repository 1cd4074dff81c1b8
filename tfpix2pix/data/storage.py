"""Storage: where the images of listed examples are, in files or in TFRecords."""

from pathlib import Path
from typing import Callable, NamedTuple

import tensorflow as tf

from tfpix2pix.data import layouts, records
from tfpix2pix.data.places import PAIR, NamedPlace, present
from tfpix2pix.data.survey import Column
from tfpix2pix.errors import InputError


class Stored(NamedTuple):
    """Where the images of examples are stored.

    Attributes:
        names: Name of each example.
        columns: A `tfpix2pix.data.survey.Column` for each place in an example.
        fetch: TensorFlow function of an example, int64 scalar, to a tuple of its encoded images,
            string scalars.
        places: `tfpix2pix.data.places.NamedPlace` of each column.

    Example:
        >>> Stored(["1"], [Column(["1.png"])], None, ()).columns[0].place(0)
        '1.png'
    """

    names: list[str]
    columns: list[Column]
    fetch: Callable
    places: tuple[NamedPlace, ...]


def stored(listing: layouts.Listing) -> Stored:
    """Finds where the images of listed files are stored.

    Args:
        listing: `tfpix2pix.data.layouts.Listing`.

    Returns:
        `Stored`.

    Raises:
        ValueError: If records lack an image that is needed.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> codecs.write(np.zeros((4, 8, 1), "uint8"), "birds/1.png")
        >>> stored(layouts.listing("birds", "train")).columns[0].place(0)
        'birds/1.png'
    """
    return _in_records(listing) if listing.layout == "tfrecord" else _in_files(listing)


def _in_files(listing):
    files = [list(column) for column in zip(*listing.files)]
    paths = [tf.constant(column) for column in files]

    def fetch(index):
        return tuple(tf.io.read_file(tf.gather(column, index)) for column in paths)

    places = listing.places[: len(files)]
    if len(files) == 1:  # A photo, or both halves of a pair, which no place is asked of.
        return Stored(listing.names, [Column(files[0])], fetch, places)
    columns = [Column(column, **_kind(place)) for column, place in zip(files, places)]
    return Stored(listing.names, columns, fetch, places)


def _in_records(listing):
    positions = [
        (shard, *offset) for (shard,) in listing.files for offset in records.places(shard).tolist()
    ]
    named = _images(listing.places, *positions[0])
    names = list(named.values())

    def read(index):
        return records.content(*positions[index], names)[:-1]

    def fetch(index):
        encoded = tf.numpy_function(read, [index], [tf.string] * len(names), stateful=False)
        return tuple(tf.ensure_shape(content, ()) for content in tf.nest.flatten(encoded))

    shards = [shard for shard, *_ in positions]
    offsets = [offset for _, offset, _ in positions]
    columns = []
    for k, (place, name) in enumerate(named.items()):
        parts = [f"{offset}{name}" for offset in offsets]
        kind = _kind(place) if len(named) > 1 else {}
        # All images of a record lie in one file, so one column has it checked.
        kind |= {"check": records.check_sums} if k == 0 else {}
        columns.append(Column(shards, parts, lambda index, k=k: read(index)[k], **kind))
    names_of_examples = [f"{Path(shard).stem}-{offset}" for shard, offset in zip(shards, offsets)]
    return Stored(names_of_examples, columns, fetch, tuple(named))


def _images(places, shard, offset, length):
    """Returns a dict of the places that records hold to the names of their images."""
    images = records.image_names(shard, offset, length)
    named = {place: place.column(images) for place in places}
    there = present(places, named.get)
    if there:
        return {place: named[place] for place in there}
    if images == [PAIR[0].name]:  # A photo, or both halves of a pair.
        return {places[0]: images[0]}
    raise InputError(
        "The records of a shard must hold the images of an example by the names of their places, "
        f"{', '.join(place.name for place in places if not place.optional)}. Received: {shard}, "
        f"whose records hold {', '.join(images) or 'none'}. Write them again with these features, "
        "each the bytes of an image file, and the feature name."
    )


def _kind(place):
    """Returns what a column says of the ids of its place."""
    if not place.ids:
        return {}
    high = place.format.value_range and int(place.format.value_range[1])
    greatest = high if place.greatest is None else place.greatest
    return {"ids": True, "greatest": greatest, "ignored": place.ignored}
