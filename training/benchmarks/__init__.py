"""The measurements of `python -m training.benchmark`, and papers restated in PyTorch beside them.

The family NAME is measured beside PyTorch where there is a `pytorch_NAME.py`, which imports PyTorch
but no TensorFlow. Its `restated(options)` takes `training.benchmarks.worker.Options` and returns
`(step, translate)`: an object that is called with the tensors of a batch, float32 `[batch,
channels, height, width]` in [-1, 1] and points as they are, to train on them, with dicts
`networks`, by the names of the reference's files, and `optimizers`; and the function of sources,
and of what stands beside them, to their translations.
"""
