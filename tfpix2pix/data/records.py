"""Records: data sets as sharded TFRecord files, any example of which can be read directly.

A `tf.data.TFRecordDataset` reads shards from the front, so its order is random only within a
buffer and cannot be resumed. This module first collects the offsets of all records from their
headers, and then reads an example by one seek.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np
import tensorflow as tf

from tfpix2pix import atomic
from tfpix2pix.data.layouts import Listing
from tfpix2pix.data.parallel import Progress, silent
from tfpix2pix.errors import InputError

NAME = "name"  # The feature that is no image.
_HEADER = 12  # Bytes: the length of the content, and the checksum of the length.
_FOOTER = 4  # Bytes: the checksum of the content.
_GZIP = b"\x1f\x8b"
_BUFFER = 2**20  # Bytes that are read at once.


def write_shards(
    listing: Listing,
    split: str,
    to: Union[str, os.PathLike],
    *,
    shards: Optional[int] = None,
    progress: Progress = silent,
) -> tuple[int, int]:
    """Writes the examples of a split as TFRecord shards, the bytes of each file as they are.

    Every record is a `tf.train.Example` of the name and of an encoded image for each place: of the
    features `a` and, where B is a file of its own, `b`; or as the places are called. A shard that
    exists and is newer than its files is skipped, so the same call continues where another was
    interrupted.

    Args:
        listing: `tfpix2pix.data.layouts.Listing`.
        split: Name of the split, with which the files' names begin.
        to: Folder to write to; made if it is missing.
        shards: Number of files; by default one for each 128 megabytes.
        progress: Function of an iterable and its length to an iterable of the same.

    Returns:
        `(written, skipped)`: numbers of shards.

    Raises:
        ValueError: If the folder has shards of another number of files, or the listing is of two
            domains.

    Example:
        >>> from tfpix2pix.data import codecs, layouts
        >>> codecs.write(np.zeros((4, 8, 3), "uint8"), "dots/1.png")
        >>> write_shards(layouts.listing("dots", "train"), "train", "shards")
        (1, 0)
    """
    if listing.layout == "unpaired":
        raise InputError(
            "TFRecords must be of pairs, or of photos. Received: images of two domains, whose "
            "records nothing could tell apart. Train on the files as they are."
        )
    to = Path(to)
    if shards is None:
        size = sum(os.path.getsize(file) for files in listing.files for file in files)
        shards = max(1, round(size / 128e6))
    shards = min(shards, len(listing.files))
    paths = [to / f"{split}-{i:05d}-of-{shards:05d}.tfrecord" for i in range(shards)]
    if others := sorted(set(to.glob(f"{split}-*.tfrecord")) - set(paths)):
        raise InputError(
            f"The shards of a split must be of one set. Received: {to}, which has {others[0].name} "
            f"and shall get {paths[0].name}. Remove the old ones or use another folder."
        )
    written = 0
    for i, path in enumerate(progress(paths, len(paths))):
        members = range(i, len(listing.files), shards)
        files = [file for index in members for file in listing.files[index]]
        newest = max(os.path.getmtime(file) for file in files)
        if path.exists() and path.stat().st_mtime >= newest:
            continue
        with atomic.replacing(path) as part, tf.io.TFRecordWriter(str(part)) as writer:
            for index in members:
                writer.write(_example(listing, index))
        written += 1
    return written, shards - written


def places(shard: Union[str, os.PathLike]) -> np.ndarray:
    """Finds the records of a shard.

    Args:
        shard: Path of a TFRecord file.

    Returns:
        int64 `[records, 2]`: offset and length of each content, in bytes.

    Raises:
        ValueError: If the file is cut off or no TFRecord.

    Example:
        >>> with tf.io.TFRecordWriter("two.tfrecord") as writer:
        ...     writer.write(b"four"); writer.write(b"three")
        >>> places("two.tfrecord").tolist()
        [[12, 4], [32, 5]]
    """
    contents = []
    size = os.path.getsize(shard)
    with open(shard, "rb") as file:
        if file.read(2) == _GZIP:
            raise InputError(
                "Shards must not be compressed, so that any record can be read. Received: "
                f"{shard}, a GZIP file. Unpack it, and name it .tfrecord."
            )
        offset = 0
        while offset < size:
            file.seek(offset)
            header = file.read(_HEADER)
            length = struct.unpack("<Q", header[:8])[0] if len(header) == _HEADER else size
            contents.append((offset + _HEADER, length))
            offset += _HEADER + length + _FOOTER
    if offset != size or not contents:
        raise InputError(
            f"A shard must be a whole TFRecord file. Received: {shard} of {size} bytes, whose "
            f"records {'need more' if contents else 'are missing'}. Write it again from the images."
        )
    return np.array(contents, "int64")


def check_sums(shard: Union[str, os.PathLike]) -> None:
    """Refuses a shard of which a record differs from its checksum; reads all of it.

    Args:
        shard: Path of a TFRecord file.

    Raises:
        ValueError: If there is such a record; names it. Or as `places`.

    Example:
        >>> with tf.io.TFRecordWriter("sound.tfrecord") as writer:
        ...     writer.write(b"four")
        >>> check_sums("sound.tfrecord")
    """
    contents = places(shard).tolist()
    whole = 0
    try:
        for _ in tf.data.TFRecordDataset(str(shard), buffer_size=_BUFFER):
            whole += 1
    except tf.errors.DataLossError as error:
        raise InputError(
            f"The records of a shard must agree with their checksums. Received: {shard}, whose "
            f"record {whole + 1} of {len(contents)}, at byte {contents[whole][0] - _HEADER}, does "
            "not. Copy the file again, or write it again from the images."
        ) from error


def image_names(shard: Union[str, os.PathLike], offset: int, length: int) -> list[str]:
    """Lists the images of a record.

    Args:
        shard: Path of the TFRecord file.
        offset: Place of the record in bytes.
        length: Length in bytes.

    Returns:
        Sorted names of the features that are images.

    Example:
        >>> from tfpix2pix.data import codecs, layouts
        >>> codecs.write(np.zeros((4, 8, 3), "uint8"), "spots/1.png")
        >>> _ = write_shards(layouts.listing("spots", "train"), "train", "shards_of_spots")
        >>> shard = "shards_of_spots/train-00000-of-00001.tfrecord"
        >>> image_names(shard, *places(shard)[0])
        ['a']
    """
    return sorted(set(_values(shard, offset, length)) - {NAME})


def content(
    shard: Union[str, os.PathLike], offset: int, length: int, names: Sequence[str] = ("a", "b")
) -> tuple[bytes, ...]:
    """Reads the encoded images of a record, and its name.

    Args:
        shard: Path of the TFRecord file, string.
        offset: Place of the record in bytes.
        length: Length in bytes.
        names: Names of the images to read; by default those of a pair.

    Returns:
        `(*images, name)`, bytes each; empty where there is none, as b where A's file holds both.

    Example:
        >>> with tf.io.TFRecordWriter("one.tfrecord") as writer:
        ...     feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"cat"]))
        ...     features = tf.train.Features(feature={"a": feature})
        ...     writer.write(tf.train.Example(features=features).SerializeToString())
        >>> content("one.tfrecord", *places("one.tfrecord")[0])
        (b'cat', b'', b'')
    """
    values = _values(shard, offset, length)
    return tuple(values[key][0] if values.get(key) else b"" for key in (*names, NAME))


def _values(shard, offset, length):
    with open(shard, "rb") as file:
        file.seek(offset)
        example = tf.train.Example.FromString(file.read(length))
    return {key: feature.bytes_list.value for key, feature in example.features.feature.items()}


def _example(listing, index):
    values = {NAME: listing.names[index].encode()}
    for place, file in zip(listing.places, listing.files[index]):
        values[place.name] = Path(file).read_bytes()
    feature = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for key, value in values.items()
    }
    features = tf.train.Features(feature=feature)
    return tf.train.Example(features=features).SerializeToString()
