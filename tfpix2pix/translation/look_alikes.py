"""Look-alikes: indexes of image files, the nearest files to others, and a picture of them."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Callable, NamedTuple, Union

import numpy as np
import tensorflow as tf
from PIL import Image

from tfpix2pix import report
from tfpix2pix.data import codecs, folders
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.parallel import silent
from tfpix2pix.errors import InputError
from tfpix2pix.inference import Embedding, EmbeddingIndex, Neighbour, embeddings_sha256
from tfpix2pix.translation.contact_sheets import TILE, thumbnail
from tfpix2pix.translation.files import MOST_SHOWN
from tfpix2pix.translation.vectors import embed_images

_FAILURES = (InputError, OSError, tf.errors.OpError)


class LookAlikes(NamedTuple):
    """The images that are most like another.

    Attributes:
        image: Path of the image that was asked for.
        domain: The domain that it was taken as.
        neighbours: Dict of domain to `tfpix2pix.inference.Neighbour`s, the nearest first; their
            names are paths.

    Example:
        >>> answer = LookAlikes("me.png", "A", {"B": [Neighbour("faces/1.png", "B", 0.25)]})
        >>> print(answer)
        me.png as A
            B          0.2500  faces/1.png
    """

    image: Union[str, Path]
    domain: str
    neighbours: dict[str, list[Neighbour]]

    @property
    def json_lines(self) -> str:
        """The neighbours for programs: `query`, `query_domain`, `name`, `domain`, `distance`."""
        asked = {"query": str(self.image), "query_domain": self.domain}
        return "\n".join(json.dumps({**asked, **one._asdict()}) for one in self._all())

    def __str__(self):
        """Lists the neighbours for people."""
        lines = [f"    {one.domain:8} {one.distance:8.4f}  {one.name}" for one in self._all()]
        return "\n".join([f"{self.image} as {self.domain}", *lines])

    def _all(self):
        return [one for neighbours in self.neighbours.values() for one in neighbours]


def index_files(
    images: Iterable[Union[str, Path]],
    to: Union[str, Path],
    embeddings: Mapping[str, Embedding],
    domain: str,
    *,
    progress: Callable = silent,
) -> tuple[EmbeddingIndex, dict[str, str]]:
    """Makes an index of image files, or adds them to one that is there.

    Files go by their path from the folder of the index, so both can move together. Those that the
    index has of this domain are replaced.

    Args:
        images: Files, and folders of such.
        to: Path of the index, an NPZ file.
        embeddings: Dict of names to `tfpix2pix.inference.Embedding`: all that the model has.
        domain: One of them, by which vectors of the images are made.
        progress: See `tfpix2pix.data.parallel.silent`; counts files.

    Returns:
        `(index, failures)`: the `tfpix2pix.inference.EmbeddingIndex` that was written; dict of the
        path of a file that was left out to the reason.

    Raises:
        ValueError: If there is no image, or the index that is there is of another model.

    Example:
        >>> from tensorflow import keras
        >>> from tfpix2pix.data.tasks import Pairs
        >>> image = keras.Input((None, None, 3))
        >>> means = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
        >>> task = Pairs((PixelFormat(3, "uint8", (0.0, 255.0)),) * 2)
        >>> embeddings = {"A": Embedding(means, task, (8, 8))}
        >>> for grey in (0, 250):
        ...     codecs.write(np.full((4, 6, 3), grey, "uint8"), f"greys/{grey}.png")
        >>> index, failures = index_files(["greys"], "index.npz", embeddings, "A")
        >>> index.names.tolist(), failures
        (['greys/0.png', 'greys/250.png'], {})
        >>> options = {"neighbours": 1, "metric": "l2"}
        >>> (answer,) = find_look_alikes(["greys"], "index.npz", embeddings, "A", **options)[1:]
        >>> answer.neighbours
        {'A': [Neighbour(name='greys/250.png', domain='A', distance=0.0)]}
    """
    to = Path(to)
    sha256 = embeddings_sha256(embeddings)
    index = EmbeddingIndex.load(to) if to.exists() else EmbeddingIndex(sha256)
    index.check_model(sha256)
    files = _found(images)
    vectors = {}
    failures = {}
    for file in progress(files, len(files)):
        try:
            vectors[Path(os.path.relpath(file, to.parent)).as_posix()] = _vector(
                file, embeddings[domain]
            )
        except _FAILURES as error:
            failures[str(file)] = str(error)
    if vectors:
        index = index.added(vectors, domain, np.stack(list(vectors.values())))
        index.save(to)
    return index, failures


def find_look_alikes(
    images: Iterable[Union[str, Path]],
    index: Union[str, Path],
    embeddings: Mapping[str, Embedding],
    domain: str,
    *,
    progress: Callable = silent,
    **options,
) -> list[LookAlikes]:
    """Finds the files of an index that are most like others, in each domain.

    Args:
        images: Files, and folders of such.
        index: Path of an index, as `index_files` writes it.
        embeddings: As of `index_files`.
        domain: One of them, by which vectors of the images are made.
        progress: See `tfpix2pix.data.parallel.silent`; counts files.
        **options: `neighbours`, `among` and `metric` of `tfpix2pix.inference.EmbeddingIndex.query`.

    Returns:
        List of `LookAlikes`, one for each image.

    Raises:
        ValueError: If there is no image or one cannot be read, the index is of another model, or it
            refuses an option.

    Example:
        >>> find_look_alikes(["me.png"], "no-such-index.npz", {}, "A")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: An index must be a whole NPZ file of ...
    """
    opened = EmbeddingIndex.load(index)
    opened.check_model(embeddings_sha256(embeddings))
    files = _found(images)
    vectors = []
    for file in progress(files, len(files)):
        try:
            vectors.append(_vector(file, embeddings[domain]))
        except _FAILURES as error:
            raise InputError(
                "Look-alikes are found of images that can be read and that the model takes. "
                f"Received: {str(file)!r}: {error}. Replace it, or leave it out."
            ) from error
    folder = Path(index).parent
    return [
        LookAlikes(file, domain, {name: _placed(found, folder) for name, found in answer.items()})
        for file, answer in zip(files, opened.query(np.stack(vectors), **options))
    ]


def look_alikes_picture(
    answers: Sequence[LookAlikes], formats: Mapping[str, PixelFormat]
) -> Image.Image:
    """Draws images beside their look-alikes: a row for each of the first images and each domain.

    Args:
        answers: List of `LookAlikes`, at least one.
        formats: Dict of domain to the `tfpix2pix.data.formats.PixelFormat` of its images.

    Returns:
        `PIL.Image.Image`, with domain, distance and name below each image; where a file is gone, it
        is white.

    Example:
        >>> format = PixelFormat(3, "uint8", (0.0, 255.0))
        >>> codecs.write(np.zeros((8, 4, 3), "uint8"), "black.png")
        >>> answer = LookAlikes("black.png", "A", {"A": [Neighbour("black.png", "A", 0.0)]})
        >>> look_alikes_picture([answer], {"A": format}).size
        (536, 352)
    """
    white = np.full((TILE, TILE, 3), 255, "uint8")
    rows = [(answer, one) for answer in answers[:MOST_SHOWN] for one in answer.neighbours.values()]
    most = max(len(neighbours) for _, neighbours in rows)
    columns = {title: [] for title in ("image", *map(str, range(1, most + 1)))}
    labels = {title: [] for title in columns}
    for answer, neighbours in rows:
        shown = [
            (answer.image, answer.domain, f"{answer.domain}\n{answer.image}"),
            *((n.name, n.domain, f"{n.domain}  {n.distance:.4f}\n{n.name}") for n in neighbours),
            *[(None, None, "")] * (most - len(neighbours)),
        ]
        for title, (file, domain, label) in zip(columns, shown):
            there = file is not None and Path(file).is_file()
            columns[title].append(thumbnail(file, formats[domain]) if there else white)
            labels[title].append(label)
    return report.comparison(columns, labels=labels)


def _found(images):
    files = []
    for path in map(Path, images):
        found = [path] if path.is_file() else folders.image_files(path)
        if not found:
            raise InputError(
                "Images must be files, or folders that have some, "
                f"{', '.join(codecs.SUFFIXES)} files. Received: {str(path)!r}, where there is none."
                " Check the spelling."
            )
        files.extend(found)
    return files


def _vector(file, embedding):
    return embed_images(embedding, [codecs.read(file)])[0]


def _placed(neighbours, folder):
    """Returns neighbours whose names are paths: from where the program runs, if they are below."""
    paths = [Path(os.path.normpath(folder / neighbour.name)) for neighbour in neighbours]
    paths = [path.resolve() if path.parts[0] == os.pardir else path for path in paths]
    return [one._replace(name=path.as_posix()) for one, path in zip(neighbours, paths)]
