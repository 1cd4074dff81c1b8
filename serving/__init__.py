"""Programs around TensorFlow Serving; run them as `python -m serving.NAME`."""

import os

# TensorFlow writes dozens of start-up notes about plug-ins; what concerns a user comes as an
# exception. The client runs without TensorFlow, to which this is nothing.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
