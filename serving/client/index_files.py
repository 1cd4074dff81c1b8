"""Indexes of vectors as files, which `training.embed` searches: names, domains, vectors, a hash.

`tfpix2pix/inference/index.py` is the truth; this is what of it makes one, without NumPy.
"""

import ast
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from serving.client import image_files
from serving.client.failures import BadArgument

MAGIC = b"\x93NUMPY\x01\x00"
ALIGNED = 64  # Bytes that the header of an NPY file is a multiple of.
ARRAYS = ("sha256", "names", "domains", "vectors")


class Index(NamedTuple):
    """Vectors of images of one or several domains, all by the weights of one model.

    Attributes:
        sha256: Hash of the weights, as the model card has it.
        vectors: Dict of `(domain, name)` of each image to the bytes of its float32 vector.

    Example:
        >>> index = Index("c0ffee").added("A", {"1.png": [0.5, 1.0]})
        >>> index.counts
        {'A': 1}
    """

    sha256: str
    vectors: Mapping[tuple[str, str], bytes] = {}

    @property
    def counts(self) -> dict[str, int]:
        """Dict of domain to the number of its images."""
        domains = [domain for domain, _ in self.vectors]
        return {domain: domains.count(domain) for domain in sorted({*domains})}

    def added(self, domain: str, vectors: Mapping[str, Sequence[float]]) -> "Index":
        """Returns an index with more images; those of a domain that it has by name are replaced.

        Args:
            domain: Domain of all.
            vectors: Dict of the name of each image to its floats.
        """
        packed = {
            (domain, name): struct.pack(f"<{len(vector)}f", *vector)
            for name, vector in vectors.items()
        }
        return self._replace(vectors={**self.vectors, **packed})

    def check_model(self, sha256: str, length: int) -> None:
        """Refuses vectors of another model or embedding, which cannot be compared.

        Args:
            sha256: Hash of the weights, as the model card has it.
            length: How many numbers a vector has.

        Raises:
            BadArgument: If they are not those of the index.
        """
        if sha256 != self.sha256:
            raise BadArgument(
                "An index must be of the model that it is used with, in the same weights. "
                f"Received: an index of the weights {self.sha256[:8]}... for {sha256[:8]}.... Use "
                "the model that made the index, or make an index of the images by this one."
            )
        lengths = {len(vector) // 4 for vector in self.vectors.values()} | {length}
        if len(lengths) > 1:
            raise BadArgument(
                "Vectors of an index must be of one length. Received: "
                f"{' and '.join(map(str, sorted(lengths)))} numbers. Make another index of the "
                "other embedding."
            )


def write_index(index: Index, path: Path) -> None:
    """Writes an index, whole or not at all.

    Args:
        index: `Index`.
        path: Path of the NPZ file.
    """
    domains, names = zip(*index.vectors) if index.vectors else ((), ())
    vectors = list(index.vectors.values())
    length = len(vectors[0]) // 4 if vectors else 0
    arrays = {
        "sha256": _texts([index.sha256], ()),
        "names": _texts(names, (len(names),)),
        "domains": _texts(domains, (len(domains),)),
        "vectors": _array("<f4", (len(vectors), length), b"".join(vectors)),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    image_files.write(file.getvalue(), path)


def read_index(path: Path) -> Index:
    """Reads an index.

    Args:
        path: Path of the NPZ file.

    Raises:
        BadArgument: If it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sha256, *fields = (_read(archive.read(f"{name}.npy")) for name in ARRAYS)
        names, domains, vectors = fields
        if not len(names) == len(domains) == len(vectors):
            raise ValueError("its arrays are of different lengths")
    except (
        *(AttributeError, KeyError, OSError, SyntaxError, TypeError, ValueError),
        *(zipfile.BadZipFile, zlib.error, NotImplementedError),
    ) as error:
        raise BadArgument(
            "An index must be a whole NPZ file of sha256, names, domains and vectors. Received: "
            f"{str(path)!r} ({error}). Check the spelling. Make it again of the images if it is "
            "damaged."
        ) from error
    return Index(sha256[0], dict(zip(zip(domains, names), vectors)))


def _texts(texts, shape):
    length = max(map(len, texts), default=1) or 1
    content = b"".join(text.ljust(length, "\0").encode("utf-32-le") for text in texts)
    return _array(f"<U{length}", shape, content)


def _array(kind, shape, content):
    """Returns an NPY file (numpy.lib.format)."""
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode("ascii")
    header += b" " * (-(len(MAGIC) + 2 + len(header) + 1) % ALIGNED) + b"\n"
    return MAGIC + struct.pack("<H", len(header)) + header + content


def _read(encoded):
    """Returns what an NPY file has: a list of str, or of the bytes of each row."""
    if not encoded.startswith(MAGIC):
        raise ValueError("it is of another NPY format")
    start = len(MAGIC) + 2 + int.from_bytes(encoded[len(MAGIC) :][:2], "little")
    header = ast.literal_eval(encoded[len(MAGIC) + 2 : start].decode("latin-1"))
    kind = header["descr"]
    content = encoded[start:]
    count, length = (*header["shape"], 1, 1)[:2]
    is_text = kind.startswith("<U")
    size = 4 * (int(kind[2:]) if is_text else length)
    if header["fortran_order"] or not (is_text or kind == "<f4") or len(content) != count * size:
        raise ValueError(f"its numbers are {kind} of shape {header['shape']}")
    rows = [content[place : place + size] for place in range(0, len(content), size or 1)]
    return [row.decode("utf-32-le").rstrip("\0") for row in rows] if is_text else rows
