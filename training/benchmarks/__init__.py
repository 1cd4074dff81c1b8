"""The measurements of `python -m training.benchmark`, and the contenders beside tfpix2pix."""
