"""The examples of domains whose images do not belong together, by the names of the domains."""

import re
from collections.abc import Iterable
from typing import Union

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.errors import InputError

TWO = ("A", "B")
NAME = re.compile("[A-Za-z][A-Za-z0-9]*")


class Domains(tuple):
    """The examples of domains, `tfpix2pix.data.sources.Examples` of one image each, in order.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.data.reading import Examples
        >>> a = Examples(["1"], None, (), np.zeros((1, 1, 2)), [])
        >>> domains = Domains([a, a._replace(names=["2", "3"], skipped=["4"])])
        >>> domains.names, domains.per_epoch, domains.skipped
        (['1', '2', '3'], 2, ['4'])
    """

    @property
    def names(self) -> list[str]:
        """Names of all images; those of one domain are `domains[number].names`."""
        return [name for domain in self for name in domain.names]

    @property
    def per_epoch(self) -> int:
        """How many images of each domain an epoch has: as many as the largest domain."""
        return max(domain.per_epoch for domain in self)

    @property
    def skipped(self) -> list[str]:
        """What was left out of all domains, and why."""
        return [reason for domain in self for reason in domain.skipped]

    def spread(self, count: int) -> "Domains":
        """Returns up to `count` images of each domain from all over it.

        Args:
            count: How many images are wanted.
        """
        return Domains(domain.spread(count) for domain in self)


def domain_names(config: ExperimentConfig) -> tuple[str, ...]:
    """Returns the names of the domains: those that the model's options state, or A and B.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        Tuple of str.

    Example:
        >>> from tfpix2pix.families import preset
        >>> domain_names(preset("cyclegan_tiny"))
        ('A', 'B')
    """
    return tuple(getattr(config.model, "domains", TWO))


def checked_domains(names: Union[str, Iterable[str]]) -> tuple[str, ...]:
    """Returns names of domains, also of one string, if directions can be called by them.

    Args:
        names: Such as `"faces,anime"`.

    Returns:
        Tuple of str.

    Raises:
        ValueError: If there are fewer than two, or some are equal or hold other characters.

    Example:
        >>> checked_domains("faces,anime")
        ('faces', 'anime')
    """
    names = names.replace(",", " ").split() if isinstance(names, str) else list(names)
    named = all(NAME.fullmatch(name) for name in names)
    if len({*names}) < max(2, len(names)) or not named:
        raise InputError(
            "`domains` are two names or more, each of letters and digits, a letter first. "
            f"Received: {', '.join(names)}. Name them such as faces,anime."
        )
    return tuple(names)


def of_domains(ends: Iterable, count: int) -> tuple:
    """Returns what is stated of A, as of sources, and B, as of targets, for each of more domains.

    Those beyond the second are as A.

    Args:
        ends: Of A and B; what is between the first and the last counts for neither.
        count: How many domains there are.

    Returns:
        Tuple of `count`.

    Example:
        >>> of_domains(("nearest", "bilinear"), 3)
        ('nearest', 'bilinear', 'nearest')
    """
    first, *_, last = ends
    return (first, last, *[first] * (count - 2))
