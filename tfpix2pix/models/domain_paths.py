"""Paths: what tells networks of domain norms which domain they are called for, and on what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfpix2pix.layers.network_calls import leaves


def direction_name(source: str, target: str) -> str:
    """Returns the name of the direction from one domain to another.

    Args:
        source: Name of a domain.
        target: The same.

    Returns:
        str: a signature's name can have it.

    Example:
        >>> direction_name("A", "B"), direction_name("faces", "anime")
        ('AtoB', 'faces_to_anime')
    """
    return f"{source}to{target}" if len(source) == len(target) == 1 else f"{source}_to_{target}"


@dataclass(frozen=True)
class DomainPaths:
    """The paths of the images of domains through an encoder and a generator.

    Attributes:
        domains: Names of the domains.

    Example:
        >>> list(DomainPaths(("A", "B")).directions)
        ['AtoA', 'AtoB', 'BtoA', 'BtoB']
    """

    domains: Sequence[str]

    @property
    def directions(self) -> dict[str, tuple[str, str]]:
        """Dict of the names of directions to source and target, which may be one domain."""
        return {direction_name(s, t): (s, t) for s in self.domains for t in self.domains}

    def encoder_inputs(self, images, domain: str, made: bool = False) -> list:
        """Returns what an encoder takes: images, the weights of their domain, and of their path.

        Args:
            images: float `[batch, height, width, channels]`.
            domain: One of the domains.
            made: Whether the generator has made the images.

        Returns:
            List of the images, float32 `[batch, domains]` and `[batch, 2 domains]`; paths are those
            of the real images of each domain, then of the others.

        Example:
            >>> paths = DomainPaths(("A", "B"))
            >>> paths.encoder_inputs(tf.zeros((1, 8, 8, 3)), "B", made=True)[2].numpy().tolist()
            [[0.0, 0.0, 0.0, 1.0]]
        """
        number = self.domains.index(domain)
        count = len(self.domains)
        path = _hot(images, number + count * made, 2 * count)
        return [images, _hot(images, number, count), path]

    def generator_inputs(self, codes: list, source: str, target: str, vector=None) -> list:
        """Returns what a generator takes: codes, the weights of the domain, and of the path.

        Args:
            codes: What an encoder returns, float `[batch, height, width, filters]` each.
            source: One of the domains, that of what was encoded.
            target: One of the domains, that of the images to make.
            vector: float `[batch, conditions]` of a generator with such, else `None`.

        Returns:
            List of the codes, float32 `[batch, domains]` and `[batch, domains * domains]`, and the
            vector.

        Example:
            >>> paths = DomainPaths(("A", "B"))
            >>> paths.generator_inputs([tf.zeros((1, 4, 4, 3))], "B", "A")[2].numpy().tolist()
            [[0.0, 0.0, 1.0, 0.0]]
        """
        number = self.domains.index(target)
        count = len(self.domains)
        path = _hot(codes[0], self.domains.index(source) * count + number, count**2)
        vectors = [] if vector is None else [vector]
        return [*codes, _hot(codes[0], number, count), path, *vectors]


def origins(domains: Sequence[str], others: Sequence[str]) -> list[Optional[str]]:
    """Returns for each domain that of another model which it starts as: of its name, or number.

    Args:
        domains: Names of the domains.
        others: Those of the other model.

    Returns:
        List of one of `others`, or `None` of a domain that it lacks.

    Example:
        >>> origins(("ink", "photos", "oil"), ("A", "ink"))
        ['ink', None, None]
    """
    left = [domain if domain not in domains else None for domain in others]
    left += [None] * len(domains)
    return [domain if domain in others else unnamed for domain, unnamed in zip(domains, left)]


def started_rows(rows, domains: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """Returns the rows of domains, from those of another model; of new ones their mean.

    Args:
        rows: Array `[others, ...]`.
        domains: Names of the domains.
        others: Those of the other model.

    Returns:
        Array `[domains, ...]`.

    Example:
        >>> started_rows(np.array([[1.0], [3.0]]), ("A", "B", "C"), ("A", "B")).tolist()
        [[1.0], [3.0], [2.0]]
    """
    named = dict(zip(others, rows))
    mean = np.mean(rows, axis=0)
    return np.stack([named.get(origin, mean) for origin in origins(domains, others)])


class Passes(NamedTuple):
    """What the networks make of the images of a step; dicts by the domain of the images.

    Attributes:
        codes: What `encode` returns.
        same: Reconstructions.
        made: Translations.
        own: Vectors of the images.
        drawn: Codes of the translations' styles; empty of networks that take none.

    Example:
        >>> Passes({}, {}, {}, {}, {}).drawn
        {}
    """

    codes: dict
    same: dict
    made: dict
    own: dict
    drawn: dict


def moving_statistics(network: keras.Model) -> dict:
    """Lists the moving statistics of the domain norms of a network.

    Args:
        network: `keras.Model`.

    Returns:
        Dict of the names of layers to lists of variables; empty if it has none.

    Example:
        >>> from tfpix2pix.layers import DomainNormalization
        >>> inputs = keras.Input((8, 8, 3)), keras.Input((2,))
        >>> norm = DomainNormalization(2, "batch", name="norm")
        >>> list(moving_statistics(keras.Model(inputs, norm(inputs))))
        ['norm']
    """
    return {
        layer.name: layer.unaveraged
        for layer in leaves(network)
        if getattr(layer, "has_statistics", False)
    }


def _hot(images, number, count):
    """Returns the weights of one domain or path for every image of a batch."""
    return tf.repeat(tf.one_hot([number], count), tf.shape(images)[0], axis=0)
