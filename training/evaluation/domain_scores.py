"""Scores by a domain: pictures compared with all of its real ones, where none has a target."""

from collections.abc import Callable
from typing import Optional

import numpy as np

from tfpix2pix import metrics


class DomainScores:
    """Compares pictures with real ones, all together and each with all real ones.

    Pictures are RGB, float `[1, height, width, 3]` in [-1, 1].

    Args:
        features: Function of pictures to features, for FID and KID; by default these are left out.
        real: Other `DomainScores` whose real pictures count here too, before it has others.
    """

    def __init__(self, features: Optional[Callable], real: Optional["DomainScores"] = None):
        self._colors = metrics.LabDistance("color_distance_of_all")
        self._metrics = [metrics.LabIntersection("lab_intersection_of_all"), self._colors]
        if features is not None:
            self._metrics += [metrics.FID(features), metrics.KID(features)]
        self._real_sharpness = []
        if real is not None:
            for metric, other in zip(self._metrics, real._metrics):
                metric.merge_state([other])
            self._real_sharpness += real._real_sharpness

    @property
    def feature_model(self) -> Optional[str]:
        """Name of the network that FID and KID go by, or `None`."""
        return getattr(self._metrics[-1], "feature_model", None)

    def add_real(self, picture) -> None:
        """Adds a real picture."""
        for metric in self._metrics:
            metric.update_state(picture, None)
        self._real_sharpness.append(metrics.sharpness(picture).numpy().item())

    def add(self, picture) -> None:
        """Adds a picture that is judged."""
        for metric in self._metrics:
            metric.update_state(None, picture)

    def of_one(self, picture) -> dict[str, float]:
        """Compares one picture with all real ones.

        Args:
            picture: It is not added.

        Returns:
            Dict of `domain_color`, see `tfpix2pix.metrics.LabDistance`, and `domain_sharpness`, its
            gradient energy as a share of the mean of the real pictures'.
        """
        sharpness = metrics.sharpness(picture).numpy().item()
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.divide(sharpness, np.mean(self._real_sharpness)).item()
        return {
            "domain_color": self._colors.of_each(picture).numpy().item(),
            "domain_sharpness": share,
        }

    def of_all(self) -> dict[str, float]:
        """Returns the scores of all pictures that were added, by their names."""
        return {metric.name: float(metric.result()) for metric in self._metrics}
