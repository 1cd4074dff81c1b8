"""Makes data sets: combines, splits, resizes, derives and fetches them."""
