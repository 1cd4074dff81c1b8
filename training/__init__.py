"""Programs that train; run them as `python -m training.NAME`."""

import os

# TensorFlow writes dozens of start-up notes about plug-ins; what concerns a user comes as an
# exception.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
