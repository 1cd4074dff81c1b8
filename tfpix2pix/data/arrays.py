"""Arrays: files of plain numbers, NPY and Netpbm of more than 8 bits, and which types there are."""

import io
import re

import numpy as np

_SPACE = rb"(?:\s|#[^\n]*\n)+"  # Comments stand where white space may.
NETPBM_HEADER = re.compile(
    rb"P(?P<kind>[2356])%s(?P<width>\d+)%s(?P<height>\d+)%s(?P<largest>\d+)\s" % ((_SPACE,) * 3)
)
_BANDS = 4  # At most so many bands before rows and columns are plainly bands.
_MOST_BANDS = 32  # Channels; a last axis of more is rather the columns.
_TRIES = 20  # Of a header, by threads that disturb each other.


def read_netpbm(encoded: bytes, most_pixels: int) -> np.ndarray:
    """Decodes a PGM or PPM file of more than 8 bits, which Pillow reduces or reads as int32.

    Args:
        encoded: bytes of a file.
        most_pixels: Height times width of the largest image that is decoded.

    Returns:
        uint16 `[height, width, channels]`, of which the largest value of the file is 65535.

    Raises:
        ValueError: If it is too large, or has a larger value than it says.

    Example:
        >>> read_netpbm(b"P2 2 1 1000 0 1000", 99).tolist()
        [[[0], [65535]]]
    """
    header = NETPBM_HEADER.match(encoded)
    width, height, largest = (int(header[name]) for name in ("width", "height", "largest"))
    channels = 1 if header["kind"] in (b"2", b"5") else 3
    _check_pixels(height, width, most_pixels)
    count = height * width * channels
    body = encoded[header.end() :]
    as_text = header["kind"] in (b"2", b"3")
    values = (
        np.array(body.split()[:count], "int64") if as_text else np.frombuffer(body, ">u2", count)
    )
    if largest > 65535 or values.max() > largest:
        raise ValueError(f"a sample above the largest, {largest}, which is 65535 at most")
    pixels = np.rint(values.reshape(height, width, channels) * (65535 / largest))
    return pixels.astype("uint16")


def read_npy(encoded: bytes, most_pixels: int) -> np.ndarray:
    """Decodes an NPY file.

    Args:
        encoded: bytes of a file.
        most_pixels: Height times width of the largest image that is decoded.

    Returns:
        As `supported`; of at most 4 bands before rows and columns these are put last.

    Raises:
        ValueError: If it is no image, or may be a volume.

    Example:
        >>> file = io.BytesIO()
        >>> np.save(file, np.zeros((3, 64, 48), "uint8"))
        >>> read_npy(file.getvalue(), 9999).shape
        (64, 48, 3)
    """
    shape = _parsed(_npy_shape, encoded)
    if len(shape) not in (2, 3):
        raise ValueError(f"an array of shape {shape}, which must be [height, width, channels]")
    # PyTorch and rasterio put bands first; in files of many bands no channel is as long as a side.
    has_bands_first = len(shape) == 3 and shape[0] <= _BANDS and min(shape[1:]) > _MOST_BANDS
    if len(shape) == 3 and not has_bands_first and shape[2] > _MOST_BANDS and shape[1] >= shape[2]:
        raise ValueError(
            f"an array of shape {shape} may be a volume [slices, height, width]; save each slice "
            "as a file of its own, and images as [height, width, channels]"
        )
    _check_pixels(*(shape[1:] if has_bands_first else shape[:2]), most_pixels)
    pixels = load_npy(encoded)
    if has_bands_first:
        pixels = np.ascontiguousarray(np.moveaxis(pixels, 0, -1))
    return supported(pixels)


def load_npy(encoded: bytes) -> np.ndarray:
    """Reads an array from an NPY file's bytes, in any thread.

    Args:
        encoded: bytes of a file.

    Returns:
        The array, of any type but objects.

    Raises:
        ValueError: If it is no such file.

    Example:
        >>> file = io.BytesIO()
        >>> np.save(file, np.arange(3))
        >>> load_npy(file.getvalue())
        array([0, 1, 2])
    """
    return _parsed(lambda file: np.load(file, allow_pickle=False), encoded)


def _npy_shape(file):
    version = np.lib.format.read_magic(file)
    read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    return read_header[version[0]](file)[0]


def _parsed(read, encoded):
    """Calls `read(file)` again where Python 3.11 mixed up two threads.

    NumPy parses a header as Python, whose parser counts its depth once for all threads: a thread
    that another interrupts for a collection of garbage may fail, about once in 10,000 files.
    """
    for _ in range(_TRIES):
        try:
            return read(io.BytesIO(encoded))
        except SystemError:
            continue
    return read(io.BytesIO(encoded))


def _check_pixels(height, width, most_pixels):
    if height * width > most_pixels:
        raise ValueError(
            f"{height} x {width} pixels are declared, more than {most_pixels}; it may be a "
            "decompression bomb"
        )


def supported(pixels: np.ndarray) -> np.ndarray:
    """Converts numbers of any type to one of those that there are.

    Args:
        pixels: `[height, width]` or `[height, width, channels]`.

    Returns:
        uint8, uint16 or float32 `[height, width, channels]`.

    Raises:
        ValueError: If they are no numbers.

    Example:
        >>> supported(np.array([[-70]], "int8")).dtype
        dtype('float32')
    """
    kind = pixels.dtype.kind
    size = pixels.dtype.itemsize
    if kind == "b":
        pixels = pixels.astype("uint8") * 255
    elif kind == "u" and size <= 2:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    elif kind in "uif":
        pixels = pixels.astype("float32")
    else:
        raise ValueError(f"pixels of {pixels.dtype}, which must be numbers")
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
