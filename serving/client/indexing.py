"""Makes an index of image files through a server, or adds them to one that is there."""

import os
from array import array
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Optional

from tqdm import tqdm

from serving.client import image_files
from serving.client.failures import ClientError, Code, UnsuitableModel
from serving.client.index_files import Index, read_index, write_index
from serving.client.selections import embedding_entry, weights_sha256

# Images after which the server is asked whether it still has the same model.
CHECKED = 256


def indexing(
    images: list[Path],
    to: Path,
    *,
    domain: Optional[str] = None,
    half: Optional[str] = None,
    resume: bool = False,
) -> Callable:
    """Finds the images to make vectors of, before a server is asked for anything.

    Args:
        images: Image files, or folders of them. They go by their path from the folder of the index,
            so both can move together.
        to: NPZ file of the index to make or to add to; of images that it has of the domain the
            vectors are made again.
        domain: Name of the embedding; by default the model's first.
        half: As of `serving.client.image_files.read_image`.
        resume: Whether to leave out images that the index has of the domain.

    Returns:
        Function of a `serving.client.Client` to `(done, failures)`: a sentence that says what the
        index has, and a list of a sentence for each image that was left out. What was made before
        a server was lost is in the index.

    Raises:
        BadArgument: If there is no image, or the index is damaged; and, of the function, if the
            index is of another model or the model has no such embedding.
    """
    files = {
        Path(os.path.relpath(file, to.parent)).as_posix(): file
        for image in images
        for file in image_files.found(image)
    }
    before = read_index(to) if to.exists() else None

    def make(client):
        card = client.model_card()
        entry = embedding_entry(card, domain)
        name = entry["name"]
        sha256 = weights_sha256(card)
        index = before or Index(sha256)
        index.check_model(sha256, entry["length"])
        asked = dict(files)
        if resume:
            asked = {key: asked[key] for key in asked if (name, key) not in index.vectors}
        made = {}
        failures = []
        try:
            for vectors in _vectors(client, asked, name, sha256, half, failures):
                made.update(vectors)
        except ClientError as error:
            failures.append(str(error))
        index = index.added(name, made)
        if made:
            write_index(index, to)
        counts = " and ".join(f"{count} of {one}" for one, count in index.counts.items())
        return f"{to} has {counts or 'no images, and is not written'}.", failures

    return make


def _vectors(client, files, domain, sha256, half, failures):
    """Yields dicts of names to vectors, all of one model; lists why others were left out."""
    pending = iter(files.items())
    with tqdm(total=len(files), unit=" images") as bar:
        while part := dict(islice(pending, CHECKED)):
            vectors = {}
            sent = (image_files.read_image(path, half) for path in part.values())
            for (name, path), outcome in zip(part.items(), client.embed_all(sent, domain)):
                bar.update()
                if isinstance(outcome, ClientError):
                    failures.append(f"{path}: {outcome}")
                else:
                    vectors[name] = array("f", outcome)  # Floats of Python take eight times that.
            if weights_sha256(client.model_card()) != sha256:
                raise UnsuitableModel(
                    "A model must stay the same while vectors are made by it.",
                    Code.FAILED_PRECONDITION,
                    "another version took over",
                    "Make the index again, in a new file, or name the version.",
                )
            yield vectors
