"""Programs that train; run them as `python -m training.NAME`."""

import os
import signal
import sys

# TensorFlow writes dozens of start-up notes about plug-ins; what concerns a user comes as an
# exception.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Ctrl-C ends a program (`-m`) without a traceback: at once while it is loading, then in order.
if sys.argv[0] == "-m":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.excepthook = lambda kind, *more: (
        kind is KeyboardInterrupt or sys.__excepthook__(kind, *more)
    )
