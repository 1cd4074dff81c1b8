"""The life of a version: its states, and which version is to be loaded or unloaded next."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus

from serving.engine import warmup_replay
from serving.engine.servable import UNKNOWN, Servable, ServingError

logger = logging.getLogger(__name__)

START = ModelVersionStatus.START
LOADING = ModelVersionStatus.LOADING
AVAILABLE = ModelVersionStatus.AVAILABLE
UNLOADING = ModelVersionStatus.UNLOADING
END = ModelVersionStatus.END


@dataclass(eq=False)
class Version:
    """What became of a version.

    Attributes:
        name: Name of the model.
        number: Number of the version.
        path: Folder of the version.
        state: `ModelVersionStatus.State`.
        aspired: Whether it should be served.
        error: `ServingError` of the last try to load it, or `None`.
        servable: `serving.engine.servable.Servable` while it is loaded.
        requests: How many requests run it now.
        tries: How often it was tried to load it.
        due: Time of the next try, in seconds of `time.monotonic`.
    """

    name: str
    number: int
    path: Path
    state: int = START
    aspired: bool = True
    error: ServingError | None = None
    servable: Servable | None = None
    requests: int = 0
    tries: int = 0
    due: float = 0.0

    def try_to_load(self, scheduler=None):
        """Loads it and warms it up; returns the `ServingError` and logs it if that fails."""
        try:
            self.servable = load(self.path, scheduler)
        except ServingError as error:
            reason = error.message.partition("[[{{")[0].replace("Graph execution error:", "")
            logger.warning("Loading %s failed: %s", self.path, " ".join(reason.split()))
            return error
        return None

    def retire(self):
        """Takes it out of service; what is loaded is still to be freed."""
        self.aspired = False
        if self.state != END:
            self.state = UNLOADING if self.state == AVAILABLE else END

    def status(self):
        """Returns its `ModelVersionStatus`."""
        status = ModelVersionStatus(version=self.number, state=self.state, status={})
        if self.state == END and self.error is not None:
            status.status.error_code = self.error.code
            status.status.error_message = self.error.message
        return status

    def reason(self):
        """Names it and its error as TensorFlow Serving does."""
        code = error_codes_pb2.Code.Name(self.error.code)
        named = f"{{name: {self.name} version: {self.number}}}"
        return f"{{{named} due to error: {code}: {self.error.message}}}, "


def load(path: Path, scheduler=None):
    """Loads a version and warms it up, also by batches where requests are joined.

    Args:
        path: Folder of the version.
        scheduler: As of `Servable`.

    Returns:
        `Servable`.

    Raises:
        ServingError: If it cannot be loaded or a warm-up request fails.
    """
    servable = Servable(path, scheduler)
    try:
        warmup_replay.replay(servable, path)
    except ServingError:
        servable.close()
        raise
    except Exception as error:  # Whatever it is, the next version must find a living thread.
        servable.close()
        raise ServingError(UNKNOWN, str(error)) from error
    return servable


def aspire(name, known, paths):
    """Notes which versions of a model should be served.

    Args:
        name: Name of the model.
        known: Dict of number to `Version`, to which new ones are added.
        paths: Dict of the number of each version that should be served to its `pathlib.Path`.
    """
    for number, path in paths.items():
        old = known.get(number)
        # One that has failed counts as tried while its folder stays.
        if old is None or (old.state == END and not old.aspired):
            known[number] = Version(name, number, path)
    for number, version in known.items():
        version.aspired = number in paths and version.state != UNLOADING


def to_unload(versions):
    """Chooses what to unload, so that the model stays available.

    Args:
        versions: Versions of one model.

    Returns:
        The lowest `Version` that is served but no longer aspired, once an aspired one is served or
        none is aspired; or one that waits to be loaded in vain; else `None`.
    """
    stale = [version for version in versions if not version.aspired]
    aspired = [version for version in versions if version.aspired]
    waiting = [version for version in stale if version.state in (START, LOADING)]
    served = [version for version in stale if version.state == AVAILABLE]
    if aspired and not any(version.state == AVAILABLE for version in aspired):
        served = []
    return min(waiting or served, key=lambda version: version.number, default=None)


def to_load(versions, now):
    """Chooses the highest version that is aspired, not loaded and due.

    Args:
        versions: Versions of one model.
        now: Time in seconds of `time.monotonic`.

    Returns:
        `Version` or `None`.
    """
    due = [v for v in versions if v.aspired and v.state in (START, LOADING) and v.due <= now]
    return max(due, key=lambda version: version.number, default=None)


def newest_settled(versions):
    """Returns the newest version that is available or has ended, or `None`."""
    settled = [version for version in versions if version.state in (AVAILABLE, END)]
    return max(settled, key=lambda version: version.number, default=None)
