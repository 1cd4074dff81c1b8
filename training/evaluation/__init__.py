"""Evaluation of runs: scores of each image, the page of results, segmenters."""
