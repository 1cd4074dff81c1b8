"""The log of the local server on stderr: a line for every request, and for every warning."""

import json
import logging
from dataclasses import asdict
from datetime import datetime, timezone

from serving.engine.servable import cut

LOGGER = logging.getLogger("serving.requests")
FAULTS = ("UNKNOWN", "INTERNAL", "DATA_LOSS")  # The server's own; the rest is the client's.


def configure(log_format):
    """Sends everything that is logged in this process to stderr.

    Args:
        log_format: `"json"` for one object a line, `"text"`, or `"none"` for silence.
    """
    handler = logging.NullHandler() if log_format == "none" else logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonFormatter() if log_format == "json" else text)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("serving").setLevel(logging.INFO)
    if log_format != "none":  # TensorFlow would write its warnings a second time.
        logging.getLogger("tensorflow").handlers.clear()


def log_call(call):
    """Logs a `serving.engine.calls.Call`."""
    level = logging.INFO if call.code == "OK" else logging.WARNING
    fields = asdict(call) | {"error": " ".join(cut(call.error).split())}
    LOGGER.log(
        logging.ERROR if call.code in FAULTS else level,
        "%(api)s %(method)s %(model)s version %(version)s %(signature)s: %(code)s in "
        "%(milliseconds).1f ms, %(bytes_in)d bytes in, %(bytes_out)d out, to %(peer)s %(error)s",
        fields,
        extra={"fields": {name: value for name, value in fields.items() if value != ""}},
    )


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, and the request or a message."""

    def format(self, record):
        """Returns the line of a `logging.LogRecord`."""
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(
                "T", "microseconds"
            ),
            "level": record.levelname,
            "logger": record.name,
            **getattr(record, "fields", {}),
        }
        if not hasattr(record, "fields"):
            line["message"] = record.getMessage()
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
