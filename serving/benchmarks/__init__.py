"""What `python -m serving.benchmark` measures."""
