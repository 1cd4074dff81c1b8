"""Evaluation of runs: scores of each image, a page of results, segmenters, ablations."""
