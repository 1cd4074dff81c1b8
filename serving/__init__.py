"""Programs around TensorFlow Serving; run them as `python -m serving.NAME`."""
