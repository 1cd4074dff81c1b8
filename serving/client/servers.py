"""Several servers of one model: which is asked next, and whether all have the same model."""

import itertools
import json
import threading
import time
from contextlib import contextmanager

from serving.client.connection import TRANSIENT, attempts
from serving.client.failures import Code, DifferentModels, Overloaded, Timeout, UnknownModel

# Seconds in which a server that failed is asked after the others, doubled with each failure.
FIRST_REST = 0.1
LONGEST_REST = 10.0


class Server:
    """A server, and what a client knows of it.

    Args:
        connection: Connection to it.
        is_alone: Whether there is no other, so that its model may be any.

    Attributes:
        connection: As given.
        is_checked: Whether its model is known to be that of the others, since it last failed.
        had_model: Whether it ever was.
        pending: How many requests it has not answered.
    """

    def __init__(self, connection, is_alone):
        self.connection = connection
        self.is_alone = is_alone
        self.is_checked = is_alone
        self.had_model = False
        self.pending = 0
        self._failures = 0
        self._rests_until = 0.0

    @property
    def rests(self):
        """Whether it failed a moment ago."""
        return time.monotonic() < self._rests_until

    def rest(self, wasted):
        """Lets it rest: as long at least as the request that it did not answer took."""
        pause = min(FIRST_REST * 2**self._failures, LONGEST_REST)
        self._rests_until = time.monotonic() + max(pause, wasted)
        self._failures += 1
        self.is_checked = self.is_alone

    def is_well(self):
        """Notes that it has answered."""
        self._failures = 0
        self._rests_until = 0.0


class Servers:
    """The servers of a client.

    Args:
        connections: Connections to them.
    """

    def __init__(self, connections):
        self.all = [Server(connection, len(connections) == 1) for connection in connections]
        self._turns = itertools.count()
        self._lock = threading.Lock()
        self._reference = None  # `(server, model card)` of the first that answered.

    def request(self, patience):
        """Returns a new `Request` that is tried again for `patience` seconds."""
        return Request(self, patience)

    def order(self):
        """Lists them as they are to be asked: the one with least to do first, by turns."""
        turn = next(self._turns) % len(self.all)
        by_turns = [*self.all[turn:], *self.all[:turn]]
        return sorted(by_turns, key=lambda server: (server.rests, server.pending))

    def count(self, server, change):
        """Changes how many requests a server has not answered."""
        with self._lock:  # Threads share a client.
            server.pending += change

    def check(self, server, card):
        """Checks that a server has the model of the others.

        After all have changed their model, one after the other, the new one is that of the others.

        Args:
            server: `Server`.
            card: bytes of its model card; `None` of a model without.

        Raises:
            DifferentModels: If it has another one.
        """
        with self._lock:
            others = (one for one in self.all if one is not server)
            is_last = not any(one.is_checked and not one.rests for one in others)
            if self._reference is None or (server.had_model and is_last):
                self._reference = server, card
            first, expected = self._reference
            if card != expected:
                raise _different(
                    server,
                    Code.FAILED_PRECONDITION,
                    f"{_described(first, expected)}, {_described(server, card)}",
                )
            server.is_checked = True
            server.had_model = True


class Request:
    """What is asked of one server after the other, until one answers.

    Args:
        servers: `Servers`.
        patience: Seconds to try again.

    Attributes:
        failure: The last `ClientError`.
    """

    def __init__(self, servers, patience):
        self.failure = None
        self._servers = servers
        self._patience = patience
        self._was_slow = False

    def attempts(self):
        """Yields `(pause, server)`, see `serving.client.connection.attempts`."""
        return attempts(self._servers.order(), 0, self._patience)

    def check(self, server, card):
        """See `Servers.check`."""
        self._servers.check(server, card)

    @contextmanager
    def asked(self, server):
        """Passes over a failure after which another server, or the same one later, may answer.

        Args:
            server: `Server` that is asked within the block.
        """
        start = time.monotonic()
        self._servers.count(server, 1)
        try:
            yield
            server.is_well()
        except TRANSIENT as error:
            if not isinstance(error, Overloaded):
                server.rest(time.monotonic() - start)
            self.failure = error
        except Timeout as error:
            server.rest(time.monotonic() - start)
            # Its machine may be gone. But what two take too long for is too large.
            if server.is_alone or self._was_slow:
                raise
            self._was_slow = True
            self.failure = error
        except (DifferentModels, UnknownModel) as error:
            if server.is_checked:
                raise
            if not server.had_model:
                if isinstance(error, DifferentModels):
                    raise
                details = f"{_address(server)}: {error.details}"
                raise _different(server, error.code, details) from None
            server.rest(time.monotonic() - start)
            self.failure = error
        finally:
            self._servers.count(server, -1)


def _different(server, code, details):
    model = server.connection.target.model
    rule = f"All servers of a client must serve the same model {model!r}."
    return DifferentModels(rule, code, details)


def _described(server, card):
    if card is None:
        return f"a model without a card at {_address(server)}"
    return f"the export of {json.loads(card).get('created', 'no date')} at {_address(server)}"


def _address(server):
    return server.connection.target.address
