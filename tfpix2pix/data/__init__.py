"""Data: from files of image pairs to batches in the networks' range."""
