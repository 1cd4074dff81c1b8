"""An index of embeddings: names, domains and vectors of images, and the exact nearest of others."""

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, Optional, Union

import numpy as np

from tfpix2pix import atomic
from tfpix2pix.errors import InputError

METRICS = ("cosine", "l2")
_MADE_AGAIN = "Make it again of the images"


class Neighbour(NamedTuple):
    """An image of an index that is near to another.

    Attributes:
        name: Name of the image.
        domain: Its domain.
        distance: 0 of equal vectors; by cosine at most 2.

    Example:
        >>> Neighbour("1.png", "A", 0.25).domain
        'A'
    """

    name: str
    domain: str
    distance: float


class EmbeddingIndex:
    """Vectors of images of one or several domains, all by the weights of one model.

    It is searched exactly: by FAISS where that is installed, else by scikit-learn. It holds 4 bytes
    a number, so that a million vectors of 256 numbers take a gigabyte, and another one for each
    metric once that is asked for.

    Args:
        sha256: Hash of the weights, see `tfpix2pix.inference.embeddings_sha256`.
        names: Names of the images; each once in a domain.
        domains: Domain of each image.
        vectors: float32 `[count, length]`; by default none.

    Attributes:
        sha256: As given.
        names: str `[count]`.
        domains: str `[count]`.
        vectors: float32 `[count, length]`.

    Raises:
        ValueError: If there is not one name and one domain for each vector, or a vector is not
            finite.

    Example:
        >>> index = EmbeddingIndex("c0ffee", ["1", "2"], ["A", "A"], [[1.0, 0.0], [0.0, 2.0]])
        >>> index = index.added(["3"], "B", [[3.0, 3.0]])
        >>> index.save("index.npz")
        >>> (nearest,) = EmbeddingIndex.load("index.npz").query([[4.0, 0.0]], neighbours=1)
        >>> {domain: neighbours[0].name for domain, neighbours in nearest.items()}
        {'A': '1', 'B': '3'}
    """

    def __init__(
        self,
        sha256: str,
        names: Iterable[str] = (),
        domains: Iterable[str] = (),
        vectors: Optional[np.ndarray] = None,
    ):
        self.sha256 = sha256
        self.names = np.array(list(names), "str")
        self.domains = np.array(list(domains), "str")
        self.vectors = np.asarray(np.zeros((0, 0)) if vectors is None else vectors, "float32")
        counts = {len(self.names), len(self.domains), len(self.vectors)}
        if self.vectors.ndim != 2 or len(counts) > 1 or not np.isfinite(self.vectors).all():
            raise InputError(
                "An index must have one name and one domain for each vector of finite numbers, "
                f"`[count, length]`. Received: {len(self.names)} names, {len(self.domains)} "
                f"domains and vectors of shape {self.vectors.shape}. {_MADE_AGAIN}."
            )
        self._known = sorted(set(self.domains.tolist()))
        self._searches = {}  # (domain, metric) to what a query of it needs.

    def added(self, names: Iterable[str], domain: str, vectors: np.ndarray) -> "EmbeddingIndex":
        """Returns an index with more images; those of a domain that it has by name are replaced.

        Args:
            names: Names of the images.
            domain: Domain of all.
            vectors: float32 `[count, length]`.

        Raises:
            ValueError: If the vectors are of another length.
        """
        names = list(names)
        vectors = np.asarray(vectors, "float32")
        if len(self.names) and vectors.shape[1:] != self.vectors.shape[1:]:
            raise self._of_another_length(vectors)
        kept = ~((self.domains == domain) & np.isin(self.names, names))
        before = self.vectors[kept] if len(self.names) else vectors[:0]
        return EmbeddingIndex(
            self.sha256,
            [*self.names[kept], *names],
            [*self.domains[kept], *[domain] * len(names)],
            np.concatenate([before, vectors]),
        )

    def check_model(self, sha256: str) -> None:
        """Refuses vectors of another model, which cannot be compared.

        Args:
            sha256: Hash of the weights, see `tfpix2pix.inference.embeddings_sha256`.

        Raises:
            ValueError: If it is not that of the index.
        """
        if sha256 != self.sha256:
            raise InputError(
                "An index must be of the model that it is used with, in the same weights. "
                f"Received: an index of the weights {self.sha256[:8]}... for {sha256[:8]}.... Use "
                "the model that made the index, or make an index of the images by this one."
            )

    def query(
        self,
        vectors: np.ndarray,
        *,
        neighbours: int = 5,
        among: Optional[str] = None,
        metric: Literal["cosine", "l2"] = "cosine",
    ) -> list[dict[str, list[Neighbour]]]:
        """Finds the nearest images of each domain.

        Args:
            vectors: float32 `[count, length]` of the images that are asked for.
            neighbours: How many of each domain; where there are fewer, these.
            among: One domain; by default all.
            metric: `"cosine"`, 1 minus the cosine of the angle, which is 1 for a vector of zeros;
                or `"l2"`, the Euclidean distance.

        Returns:
            For each vector a dict of domain to its `Neighbour`s, the nearest first.

        Raises:
            ValueError: If the index is empty, has no such domain or vectors of another length, or
                an option is wrong.
        """
        vectors = np.asarray(vectors, "float32")
        if not self._known or among not in (None, *self._known):
            raise InputError(
                f"The index has the domains {', '.join(self._known) or '(none)'}. Received: "
                f"{among!r}. "
                f"{'Use one of them, or none for all' if self._known else 'Add images to it'}."
            )
        if neighbours < 1 or metric not in METRICS:
            raise InputError(
                f"`neighbours` must be at least 1 and `metric` one of {', '.join(METRICS)}. "
                f"Received: neighbours={neighbours}, metric={metric!r}. Change them."
            )
        if vectors.shape[1:] != self.vectors.shape[1:]:
            raise self._of_another_length(vectors)
        answers = [{} for _ in vectors]
        for domain in self._known if among is None else [among]:
            places, search = self._search(domain, metric)
            count = min(neighbours, len(places))
            found = search(vectors, count) if len(vectors) else ()
            for answer, distances, nearest in zip(answers, *found):
                answer[domain] = [
                    Neighbour(str(self.names[places[place]]), domain, float(distance))
                    for distance, place in zip(distances, nearest)
                ]
        return answers

    def save(self, path: Union[str, Path]) -> None:
        """Writes the index as an NPZ file, whole or not at all.

        Args:
            path: Path of the file; its folder is made if it is missing.
        """
        arrays = {"names": self.names, "domains": self.domains, "vectors": self.vectors}
        with atomic.replacing(path) as part, part.open("wb") as file:
            np.savez(file, sha256=np.array(self.sha256), **arrays)

    @classmethod
    def load(cls, path: Union[str, Path]) -> "EmbeddingIndex":
        """Reads an index.

        Args:
            path: Path of the NPZ file.

        Raises:
            ValueError: If there is none, or it is damaged.
        """
        try:
            # NumPy leaves a file open that it cannot read.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                fields = [arrays[name] for name in ("sha256", "names", "domains", "vectors")]
            kinds = [field.dtype.kind + str(field.ndim) for field in fields]
            if kinds != ["U0", "U1", "U1", "f2"]:
                raise ValueError(f"its arrays are {', '.join(kinds)}")
        except (
            *(AttributeError, EOFError, IndexError, KeyError, OSError, TypeError, ValueError),
            *(zipfile.BadZipFile, zlib.error),
        ) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            raise InputError(
                "An index must be a whole NPZ file of sha256, names, domains and vectors. "
                f"Received: {str(path)!r} ({reason}). Check the spelling. "
                f"{_MADE_AGAIN} if it is damaged."
            ) from error
        sha256, *others = fields
        return cls(str(sha256), *others)

    def _search(self, domain, metric):
        if (domain, metric) not in self._searches:
            (places,) = np.nonzero(self.domains == domain)
            self._searches[domain, metric] = places, _search(self.vectors[places], metric)
        return self._searches[domain, metric]

    def _of_another_length(self, vectors):
        return InputError(
            "Vectors must be as long as those of the index. Received: vectors of shape "
            f"{vectors.shape} for {self.vectors.shape}. Embed all images by one model."
        )


def _search(vectors, metric):
    """Returns a function of queries and a count to `(distances, places)`, the nearest first."""
    try:
        import faiss
    except ImportError:
        return _search_by_scikit_learn(vectors, metric)
    is_cosine = metric == "cosine"
    index = (faiss.IndexFlatIP if is_cosine else faiss.IndexFlatL2)(vectors.shape[1])
    index.add(_unit(vectors) if is_cosine else vectors)

    def search(queries, count):
        if is_cosine:
            products, places = index.search(_unit(queries), count)
            return np.clip(1 - products, 0, 2), places
        squares, places = index.search(queries, count)
        return np.sqrt(np.maximum(squares, 0)), places

    return search


def _search_by_scikit_learn(vectors, metric):
    try:
        from sklearn.neighbors import NearestNeighbors
    except ImportError as error:
        raise InputError(
            "An index is searched by scikit-learn, or by FAISS. Received: no "
            f"{error.name}. Install it by `pip install tfpix2pix[index]`."
        ) from error
    names = {"cosine": "cosine", "l2": "euclidean"}
    searched = NearestNeighbors(algorithm="brute", metric=names[metric]).fit(vectors)
    return searched.kneighbors


def _unit(vectors):
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)
