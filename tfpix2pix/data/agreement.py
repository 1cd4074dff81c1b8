"""Agreement: the pixel format to which all images of one place can be converted."""

import decimal
from collections import Counter
from collections.abc import Sequence
from typing import Optional

from tfpix2pix.data import codecs
from tfpix2pix.data.formats import PixelFormat, convertible, full_range
from tfpix2pix.data.survey import Record
from tfpix2pix.errors import InputError

# What maps and grids have where they have no data.
NO_DATA = (-9999.0, 9999.0, -99999.0, -32768.0, 32767.0, 1e20)
FAR = 100.0  # Times as far from all other values as these are apart.


def common_format(
    records: Sequence[Record],
    wanted: PixelFormat,
    *,
    halves: bool = False,
    option: str = "source_range or target_range",
) -> PixelFormat:
    """Chooses the pixel format to which all images can be converted.

    Args:
        records: `Record` of each image.
        wanted: `PixelFormat`. What it leaves open is chosen: the deepest type there is, its range,
            and the channels without alpha, RGB where some images are grey and some in colour.
        halves: Whether the range of values of a record is that of two images side by side, so that
            nothing is known of one of them.
        option: Name of the option that gives the range of these images.

    Returns:
        `PixelFormat`.

    Raises:
        ValueError: If the images cannot be converted to one format, or exceed its range.

    Example:
        >>> grey, color = (Record(4, 4, channels, high=255.0) for channels in (1, 3))
        >>> common_format([grey, color], PixelFormat())
        PixelFormat(channels=3, dtype='uint8', value_range=(0.0, 255.0))
    """
    counts = Counter((record.channels, record.dtype, record.alpha) for record in records)
    dtype = wanted.dtype or max((dtype for _, dtype, _ in counts), key=codecs.DTYPES.index)
    channels = wanted.channels or max(channels - alpha for channels, _, alpha in counts)
    if not all(convertible(c, d, channels, dtype, alpha) for c, d, alpha in counts):
        listed = ", ".join(f"{n} of {c} channels of {d}" for (c, d, _), n in counts.most_common())
        raise InputError(
            "The images of one place must be of one kind, or grey and RGB of 8 and 16 bits. "
            f"Received: {listed}, for {channels} channels of {dtype}. Save all alike; a check of "
            "the data set names those that differ."
        )
    value_range = tuple(wanted.value_range or full_range(dtype))
    scales = [full_range(dtype)[1] / full_range(record.dtype)[1] for record in records]
    low = min(record.low * scale for record, scale in zip(records, scales))
    high = max(record.high * scale for record, scale in zip(records, scales))
    outside = not value_range[0] <= low <= high <= value_range[1]
    if outside and not (halves and wanted.value_range):
        raise InputError(
            f"All pixels must be in their range, for {dtype} {full_range(dtype)} by default. "
            f"Received: values from {low:g} to {high:g} for {value_range}. "
            f"{_cure_of_range(records, low, high, option)}"
        )
    return PixelFormat(channels, dtype, value_range)


def needed_range(records: Sequence[Record]) -> Optional[str]:
    """Returns a range that holds all pixels, if they are numbers beyond [0, 1].

    Args:
        records: `Record` of each image.

    Returns:
        Such as `"[-1000,1199]"`; `None` where the range of their type holds them, or some stand for
        no data.

    Example:
        >>> needed_range([Record(dtype="float32", low=-2.828161, high=0.5)])
        '[-2.82817,0.5]'
    """
    low = min(record.low for record in records)
    high = max(record.high for record in records)
    is_plain = all(record.dtype != "float32" for record in records) or 0 <= low <= high <= 1
    if is_plain or no_data(records)[0] is not None:
        return None
    return f"[{_outward(low, -1)},{_outward(high, 1)}]"


def unused(records: Sequence[Record], pixel_format: PixelFormat) -> list[str]:
    """Says what of the files of one place is not used.

    Args:
        records: `Record` of each image.
        pixel_format: The format to which they are converted.

    Returns:
        List of sentences; empty for most data.

    Example:
        >>> unused([Record(channels=4, alpha=True)], PixelFormat(3))
        ['Alpha of 1 of 1 files is not used.']
    """
    several = sum(record.frames > 1 for record in records)
    alpha = sum(record.alpha and pixel_format.channels in (1, 3) for record in records)
    counts = {
        "Of {} of {} files with several frames or pages the first alone is used.": several,
        "Alpha of {} of {} files is not used.": alpha,
    }
    return [text.format(count, len(records)) for text, count in counts.items() if count]


def no_data(records: Sequence[Record]) -> tuple[Optional[float], str]:
    """Says whether a value is far from all others, and probably stands for pixels without data.

    Args:
        records: `Record` of each image.

    Returns:
        `(value, sentence)`; `(None, "")` of most images.

    Example:
        >>> no_data([Record(low=0.0, high=1.0), Record(low=-9999.0, high=0.9)])[0]
        -9999.0
    """
    ends = [end for record in records for end in (record.low, record.high)]
    for value, place in ((min(ends), "below"), (max(ends), "above")):
        if _is_no_data(ends, value):
            count = sum(value in (record.low, record.high) for record in records)
            return value, (
                f"The value {value:.9g} of {count} of {len(records)} files is far {place} all "
                "others, and probably stands for pixels without data."
            )
    return None, ""


def _cure_of_range(records, low, high, option):
    value, sentence = no_data(records)
    if value is not None:
        return f"{sentence} Fill these, or leave the files out, and give {option} of what is left."
    return (
        f"Give {option}, such as [{_outward(low, -1)},{_outward(high, 1)}]; of label maps, the "
        "right number of classes."
    )


def _is_no_data(ends, value):
    """Whether a value is one that people use for no data, or much farther than others are apart."""
    others = [end for end in ends if end != value]
    apart = max(others) - min(others) if others else 0.0
    gap = min((abs(end - value) for end in others), default=0.0)
    return (value in NO_DATA and gap > apart) or (len(others) > 1 and 0 < FAR * apart < gap)


def _outward(value, sign):
    """Returns a number of six digits that is not within a bound."""
    with decimal.localcontext() as context:
        context.prec = 6
        context.rounding = decimal.ROUND_CEILING if sign > 0 else decimal.ROUND_FLOOR
        return f"{float(context.create_decimal_from_float(value)):.9g}"
