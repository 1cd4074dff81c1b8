"""Makes data sets: combines, splits, resizes, derives and fetches them."""

from tfpix2pix.datasets import combine, derive, fetch, synthetic

__all__ = ["combine", "derive", "fetch", "synthetic"]
