"""Sources: finds the examples of a data set: pairs, scenes, photos, or images of domains."""

import os
from collections.abc import Sequence
from typing import Any, Union

from tfpix2pix.data import layouts
from tfpix2pix.data.folders import image_files
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.parallel import Progress, silent
from tfpix2pix.data.places import PAIR, NamedPlace, domain_places
from tfpix2pix.data.reading import Examples, examples
from tfpix2pix.errors import InputError

DIRECTIONS = ("AtoB", "BtoA")


def pairs(
    data: Union[str, os.PathLike],
    split: str = "train",
    formats: tuple[PixelFormat, PixelFormat] = (PixelFormat(), PixelFormat()),
    *,
    layout: str = "auto",
    direction: str = "AtoB",
    maps: tuple[NamedPlace, NamedPlace] = PAIR,
    **options: Any,
) -> Examples:
    """Finds image pairs in any layout, and checks every file once.

    Args:
        data: Path of a folder or of a manifest.
        split: See `tfpix2pix.data.layouts.listing`.
        formats: `PixelFormat` of the source and of the target; the files decide what is left open.
        layout: One of `tfpix2pix.data.layouts.LAYOUTS` that holds pairs, or `"auto"`.
        direction: `"AtoB"` when A (the left half) is the source, `"BtoA"` when B is.
        maps: `tfpix2pix.data.places.NamedPlace`s of source and target, of which one whose `ids` is
            set is a map of numbers, if it is a file of its own.
        **options: `bad_files` and `progress` of `tfpix2pix.data.reading.examples`.

    Returns:
        `Examples` of source and target.

    Raises:
        ValueError: If the direction is unknown, there are no pairs, or some are unusable.

    Example:
        >>> pairs("facades/train", direction="BToA")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: `direction` must be 'AtoB' or 'BtoA'. Received: ...
    """
    _check_direction(direction)
    listing = layouts.listing(data, split, layout)
    _check_together(listing, data)
    ordered = maps if direction == "AtoB" else maps[::-1]
    kinds = [
        {name: getattr(one, name) for name in ("ids", "greatest", "ignored")} for one in ordered
    ]
    places = tuple(place._replace(**kind) for place, kind in zip(listing.places, kinds))
    listing = listing._replace(places=places)
    if direction == "AtoB":
        found = examples(listing, formats, halves=True, **options)
        _check_halves(found, listing, data, layout)
        return found
    options["range_options"] = ("target_range", "source_range")
    found = examples(listing, formats[::-1], halves=True, **options).reversed
    _check_halves(found, listing, data, layout)
    return found


def scenes(
    data: Union[str, os.PathLike],
    split: str,
    places: tuple[NamedPlace, ...],
    *,
    layout: str = "auto",
    direction: str = "AtoB",
    **options: Any,
) -> Examples:
    """Finds examples of named images in any layout of pairs, and checks every file once.

    Data of pairs will do too: then A is the first place and B the last one, or the other way round.

    Args:
        data: Path of a folder or of a manifest.
        split: See `tfpix2pix.data.layouts.listing`.
        places: `tfpix2pix.data.places.NamedPlace`s: the source first, the target last.
        layout: As for `pairs`.
        direction: As for `pairs`, where images lie in folders A and B or in halves.
        **options: `bad_files` and `progress` of `tfpix2pix.data.reading.examples`.

    Returns:
        `Examples` of the places that the data have, which its `places` names.

    Raises:
        ValueError: If the direction is unknown, there are no examples, or some are unusable.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.data.places import INSTANCE, PHOTO
        >>> for name in ("train_inst/rome_1_ids.png", "train_img/rome_1_camera.png"):
        ...     codecs.write(np.full((4, 8, 1), 77, "uint8"), f"towns/{name}")
        >>> found = scenes("towns", "train", (INSTANCE, PHOTO))
        >>> found.names, found.places, found.formats[0].dtype
        (['rome_1'], ('instance', 'photo'), 'int32')
    """
    _check_direction(direction)
    first, last = direction.split("to")
    letters = {places[0]: first, places[-1]: last}
    lettered = [
        place._replace(folders=(*place.folder_names, letters[place])) if place in letters else place
        for place in places
    ]
    listing = layouts.listing(data, split, layout, places=lettered)
    _check_together(listing, data)
    return examples(listing, halves=True, direction=direction, **options)


def _check_direction(direction):
    if direction not in DIRECTIONS:
        raise InputError(
            f"`direction` must be 'AtoB' or 'BtoA'. Received: direction={direction!r}."
        )


def _check_together(listing, data):
    if listing.layout in ("unpaired", "photos"):
        raise InputError(
            f"Pairs must belong together. Received: {str(data)!r} in the layout "
            f"{listing.layout!r}. Give pairs, or a task that makes its sources of photos; if "
            "images of equal names in trainA and trainB belong together, use layout='folders'."
        )


def _check_halves(found, listing, data, layout):
    """Refuses whole images that nobody has called halves: squares, of which none is wider."""
    if layout == "auto" and listing.layout == "side_by_side":
        heights, widths = found.sizes[:, 0].T
        if len(heights) > 1 and (heights == 2 * widths).all():
            raise InputError(
                "Files that hold A in their left and B in their right half are wider than high. "
                f"Received: {str(data)!r}, whose {len(heights)} files are square. Put A and B into "
                "folders of these names, with equal names of partners, or name the files of each "
                "pair in a manifest; if these are halves all the same, set layout='side_by_side'."
            )


def photos(
    data: Union[str, os.PathLike],
    split: str = "train",
    pixel_format: PixelFormat = PixelFormat(),
    **options: Any,
) -> Examples:
    """Finds single images in a folder, in the folders in it, or in TFRecords.

    Args:
        data: Path of a folder.
        split: As for `pairs`.
        pixel_format: `PixelFormat` of the photos; the files decide what is left open.
        **options: `bad_files` and `progress` of `tfpix2pix.data.reading.examples`.

    Returns:
        `Examples` of one image.

    Raises:
        ValueError: If there are none, or some are unusable.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> codecs.write(np.zeros((4, 8, 1), "uint8"), "cats/1.png")
        >>> photos("cats").formats[0].channels
        1
    """
    layout = "tfrecord" if layouts.detect(data) == "tfrecord" else "photos"
    listing = layouts.listing(data, split, layout)
    return examples(listing, (pixel_format,), range_options=("target_range",), **options)


def unpaired(
    data: Union[str, os.PathLike],
    split: str = "train",
    formats: Sequence[PixelFormat] = (PixelFormat(), PixelFormat()),
    *,
    names: Sequence[str] = ("A", "B"),
    layout: str = "auto",
    bad_files: str = "refuse",
    progress: Progress = silent,
) -> tuple[Examples, ...]:
    """Finds the images of domains, such as A and B, which do not belong together.

    Args:
        data: Path of a folder with `trainA` and `trainB`, or with `train/A` and `train/B`.
        split: As for `pairs`.
        formats: `PixelFormat` of each domain; the files decide what is left open.
        names: Names of the domains, which their folders may have instead of the letters.
        layout: `"unpaired"`, which `train/A` and `train/B` need, since they hold pairs by default,
            and domains of other names; or `"auto"`.
        bad_files: As for `examples`.
        progress: As for `examples`.

    Returns:
        Tuple of `Examples` of one image each.

    Raises:
        ValueError: If the layout is another, a domain has no images, or some are unusable.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> for name in ("zebras/trainA/1.png", "zebras/trainB/2.png", "zebras/trainB/3.png"):
        ...     codecs.write(np.zeros((4, 8, 3), "uint8"), name)
        >>> [len(domain.names) for domain in unpaired("zebras")]
        [1, 2]
    """
    if layout == "auto":
        layout = layouts.detect(data)
    if layout != "unpaired":
        raise InputError(
            "Two domains must lie in the folders trainA and trainB, or in train/A and train/B with "
            f'layout="unpaired". Received: {str(data)!r} in the layout {layout!r}. Arrange the '
            "images so, or train on pairs."
        )
    places = domain_places(names)
    listing = layouts.listing(data, split, layout, places=places)
    files_of_domains = {place.name: {} for place in places}
    for name, files in zip(listing.names, listing.files):
        files_of_domains[layouts.domain(name, places)][name] = files
    return tuple(
        examples(
            layouts.Listing("photos", list(files), list(files.values()), []),
            (wanted,),
            range_options=("target_range" if number else "source_range",),
            bad_files=bad_files,
            progress=progress,
        )
        for number, (files, wanted) in enumerate(zip(files_of_domains.values(), formats))
    )


def unpaired_names(
    data: Union[str, os.PathLike], names: Sequence[str] = ("A", "B")
) -> dict[str, list[str]]:
    """Lists the images of domains in all splits, without a look into them.

    Args:
        data: As for `unpaired`.
        names: As for that.

    Returns:
        Dict of the names of domains to those of their images, as of `Examples`.

    Raises:
        ValueError: If there is no such folder.

    Example:
        >>> from tfpix2pix import atomic
        >>> for name in ("emus/trainA/1.png", "emus/testA/2.png", "emus/trainB/1.png"):
        ...     atomic.write_bytes(b"", name)
        >>> unpaired_names("emus")
        {'A': ['testA/2.png', 'trainA/1.png'], 'B': ['trainB/1.png']}
    """
    data = layouts.existing(data)
    places = domain_places(names)
    listed = {name: [] for name in names}
    for file in image_files(data):
        name = file.relative_to(data).as_posix()
        domain = layouts.domain(name, places)
        if domain is not None:
            listed[domain].append(name)
    return {domain: sorted(images) for domain, images in listed.items()}
