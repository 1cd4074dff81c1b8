"""What `python -m training.benchmark` measures, and the PyTorch reference beside it."""
