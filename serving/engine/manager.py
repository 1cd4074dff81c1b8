"""Which versions of which models are served: loaded, replaced and unloaded in the background."""

import logging
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.engine import model_config
from serving.engine.lifecycle import (
    AVAILABLE,
    END,
    LOADING,
    UNLOADING,
    aspire,
    newest_settled,
    to_load,
    to_unload,
)
from serving.engine.servable import (
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    UNKNOWN,
    ServingError,
)
from serving.engine.versions import aspired
from tfpix2pix.errors import InputError

logger = logging.getLogger(__name__)


class Manager:
    """The versions of all models of a configuration, as TensorFlow Serving manages them.

    A thread looks at the folders of the models and follows their version policies. It loads and
    warms up a new version before it unloads the old one, so that a model stays available; if the
    new one fails, the old one stays. Requests that run keep their version until they end.

    Args:
        config: `tensorflow_serving.config.model_server_config_pb2.ModelServerConfig`.
        poll_seconds: Time between looks at the folders; 0 to look once, negative never to look.
        load_retries: How often a failed load is tried again.
        retry_seconds: Time between two tries.
        allow_labels_for_unavailable: Whether a new label may name a version that is not available.
        scheduler: As of `serving.engine.servable.Servable`.
    """

    def __init__(
        self,
        config,
        *,
        poll_seconds: float = 1.0,
        load_retries: int = 5,
        retry_seconds: float = 60.0,
        allow_labels_for_unavailable: bool = False,
        scheduler=None,
    ):
        self._first_config = config
        self._config = ModelServerConfig()
        self._poll_seconds = poll_seconds
        self._load_retries = load_retries
        self._retry_seconds = retry_seconds
        self._allow_labels = allow_labels_for_unavailable
        self._scheduler = scheduler
        self._versions = {}  # By name, then by number.
        self._labels = {}  # By name, then by label.
        self._reloading = threading.Lock()
        self._changed = threading.Condition()  # Guards all that follows and the versions.
        self._stopping = False
        self._next_poll = float("inf")
        self._threads = []

    def start(self):
        """Loads all models.

        Returns:
            The manager, once a version of every model is available.

        Raises:
            ServingError: If the configuration breaks a rule or a model fails to load, with the code
                and text of TensorFlow Serving. All is stopped then.
        """
        self._begin(self._run)
        try:
            self._configure(self._first_config, "servable(s)")
        except BaseException:  # Also if the user gives up waiting.
            self.stop()
            raise
        return self

    def stop(self):
        """Ends the threads and frees every version, once the requests that run it have ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        versions = self._all()
        for version in versions:
            with self._changed:
                version.retire()
            self._end_if_unused(version)
        with self._changed:
            self._changed.wait_for(lambda: all(version.state == END for version in versions))

    def reload(self, config):
        """Replaces the configuration; models that it leaves out are unloaded in the background.

        Args:
            config: `ModelServerConfig`.

        Returns:
            Nothing, once a version of every new name is available. Changes of other models take
            effect later; see `statuses`.

        Raises:
            ServingError: If the configuration breaks a rule, and nothing has changed, or if a new
                model fails to load; with the code and text of TensorFlow Serving.
        """
        self._configure(config, "model(s)")

    def follow(self, path: Path, seconds: float):
        """Reads a file again and again until the manager stops; one that is refused is logged.

        Args:
            path: Text file of a `ModelServerConfig`.
            seconds: Time between two readings, more than 0.
        """
        self._begin(lambda: self._follow(path, seconds))

    @contextmanager
    def acquire(self, model_spec):
        """Holds what a request asks for; all checks in the order of TensorFlow Serving.

        Args:
            model_spec: `ModelSpec`.

        Yields:
            `(version, servable)`, the newest version where the request names none. It stays loaded
            within the block.

        Raises:
            ServingError: With the code and text of TensorFlow Serving.
        """
        with self._changed:
            version = self._requested(model_spec)
            version.requests += 1
        try:
            yield version.number, version.servable
        finally:
            with self._changed:
                version.requests -= 1
            self._end_if_unused(version)

    def statuses(self, model_spec):
        """Lists the states of the versions of a model, the newest first.

        Args:
            model_spec: `ModelSpec`; its label is ignored.

        Returns:
            List of `ModelVersionStatus`, also of versions that have ended, those with their error.

        Raises:
            ServingError: If there is none, with the code and text of TensorFlow Serving.
        """
        name = model_spec.name
        with self._changed:
            known = self._versions.get(name, {})
            if model_spec.HasField("version"):
                number = model_spec.version.value
                if number not in known:
                    raise ServingError(
                        NOT_FOUND, f"Could not find version {number} of model {name}"
                    )
                known = {number: known[number]}
            if not known:
                raise ServingError(NOT_FOUND, f"Could not find any versions of model {name}")
            return [known[number].status() for number in sorted(known, reverse=True)]

    def _requested(self, model_spec):
        name = model_spec.name
        if not name:
            raise ServingError(INVALID_ARGUMENT, "ModelSpec has no name specified.")
        available = {
            number: version
            for number, version in self._versions.get(name, {}).items()
            if version.state == AVAILABLE
        }
        number = max(available, default=None)
        described = f"Latest({name})"
        choice = model_spec.WhichOneof("version_choice")
        if choice is not None:
            number = model_spec.version.value
            if choice == "version_label":
                label = model_spec.version_label
                number = self._labels.get(name, {}).get(label)
                if number is None:
                    raise ServingError(
                        INVALID_ARGUMENT, f"Unrecognized servable version label: {label}"
                    )
            described = f"Specific({name}, {number})"
        if number not in available:
            raise ServingError(NOT_FOUND, f"Servable not found for request: {described}")
        return available[number]

    def _configure(self, config, kind):
        with self._reloading:
            model_config.check(config, self._config)
            with self._changed:
                labels = self._checked_labels(config)
                before = {model.name for model in self._config.model_config_list.config}
                names = [model.name for model in config.model_config_list.config]
                new = sorted(set(names) - before)
                for name in before - set(names):
                    for version in self._versions.get(name, {}).values():
                        version.aspired = False
                for name in new:  # Whether it failed before does not tell whether it loads now.
                    known = self._versions.get(name, {}).items()
                    self._versions[name] = {n: v for n, v in known if v.state != END}
                self._config = config
                self._labels = labels
                if self._poll_seconds >= 0:
                    self._next_poll = 0.0
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._stopping or all(self._newest_settled(new)))
                failed = [v for v in self._newest_settled(new) if v is not None and v.state == END]
        if failed:
            listed = "".join(version.reason() for version in failed)
            raise ServingError(
                UNKNOWN, f"{len(failed)} {kind} did not become available: {{{listed}}}"
            )

    def _newest_settled(self, names):
        return [newest_settled(self._versions[name].values()) for name in names]

    def _all(self):
        with self._changed:
            return [version for known in self._versions.values() for version in known.values()]

    def _checked_labels(self, config):
        labels = {}
        for model in config.model_config_list.config:
            known = self._versions.get(model.name, {})
            for label, number in model.version_labels.items():
                old = self._labels.get(model.name, {}).get(label, number)
                available = number in known and known[number].state == AVAILABLE
                if not available and not (self._allow_labels and old == number):
                    raise ServingError(
                        FAILED_PRECONDITION,
                        f"Request to assign label to version {number} of model {model.name}, "
                        "which is not currently available for inference",
                    )
                labels.setdefault(model.name, {})[label] = number
        return labels

    def _begin(self, work):
        self._threads.append(threading.Thread(target=work, daemon=True))
        self._threads[-1].start()

    def _follow(self, path, seconds):
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._stopping, seconds):
                    return
            try:
                self.reload(model_config.read(path))
            except (InputError, ServingError) as error:
                logger.error("Failed to reload %s: %s", path, error)

    def _run(self):
        while not self._stopping:
            if self._next_poll <= time.monotonic():
                self._poll()
            elif not (self._unload_one() or self._load_one()):
                with self._changed:
                    retries = [v.due for v in self._all() if v.aspired and v.state == LOADING]
                    pause = min(self._next_poll, *retries, float("inf")) - time.monotonic()
                    self._changed.wait_for(
                        lambda: self._stopping or self._next_poll <= time.monotonic(),
                        min(pause, threading.TIMEOUT_MAX),
                    )

    def _poll(self):
        with self._changed:
            config = self._config
            self._next_poll = time.monotonic() + (self._poll_seconds or float("inf"))
        try:
            numbered = {model.name: aspired(model) for model in config.model_config_list.config}
        except OSError as error:
            logger.warning(
                "FileSystemStoragePathSource encountered a filesystem access error: Could not find "
                "base path %s: %s",
                error.filename,
                error.strerror,
            )
            return
        with self._changed:
            if config is not self._config:
                return
            for name, paths in numbered.items():
                aspire(name, self._versions[name], paths)

    def _unload_one(self):
        with self._changed:
            chosen = (to_unload(known.values()) for known in self._versions.values())
            version = next(filter(None, chosen), None)
            if version is None:
                return False
            version.retire()
        self._end_if_unused(version)
        return True

    def _load_one(self):
        with self._changed:
            now = time.monotonic()
            chosen = (to_load(known.values(), now) for known in self._versions.values())
            version = next(filter(None, chosen), None)
            if version is None:
                return False
            version.state = LOADING
            version.tries += 1
        error = version.try_to_load(self._scheduler)
        with self._changed:
            version.error = error
            if error is None:
                version.state = AVAILABLE
            elif version.tries > self._load_retries:
                version.state = END
            version.due = time.monotonic() + self._retry_seconds
            self._changed.notify_all()
        return True

    def _end_if_unused(self, version):
        with self._changed:
            if version.state != UNLOADING or version.requests or version.servable is None:
                return
            servable = version.servable
            version.servable = None
        servable.close()
        with self._changed:
            version.state = END
            self._changed.notify_all()
