"""Who may come in at a port, by the TLS settings of the configuration, and what becomes of those who came in
before they changed.

A connection lives as long as its client likes. One that was let in without the certificate that the
configuration now asks for, or in cleartext, or whose certificate is revoked by now, must not: it is told
to go with its next response, and closed when it is idle. A renewed certificate of our own changes nothing.
"""

from __future__ import annotations

import math

from microgateway_common.ir.tls import Cleartext
from microgateway_engine.config.runtime import ApplicationRuntime, Runtime

from .downstream.surroundings import ClientConnection, Surroundings

_CLEARTEXT = b""


class Admission:
    """Surroundings of the connections of a port that were let in under one setting. What it does not add
    to is the server's."""

    def __init__(self, server: Surroundings, terms: bytes) -> None:
        self.terms = terms
        self.outdated = False
        self._server = server
        self._connections: set[ClientConnection] = set()
        self.loop = server.loop
        self.turns = server.turns
        self.pool = server.pool
        self.tracer = server.tracer
        self.destination = server.destination
        self.application = server.application
        self.received = server.received
        self.finished = server.finished
        self.flooded = server.flooded
        self.tls_established = server.tls_established
        self.tls_failed = server.tls_failed

    @property
    def draining(self) -> bool:
        return self.outdated or self._server.draining

    def opened(self, connection: ClientConnection) -> None:
        self._connections.add(connection)
        self._server.opened(connection)

    def replaced(self, before: ClientConnection, now: ClientConnection) -> None:
        self._connections.remove(before)
        self._connections.add(now)
        self._server.replaced(before, now)

    def closed(self, connection: ClientConnection) -> None:
        self._connections.discard(connection)
        self._server.closed(connection)

    def withdraw(self) -> None:
        """The setting is another now."""
        self.outdated = True
        for connection in list(self._connections):
            connection.close_if_idle(since=math.inf)


class Admissions:
    """The settings of all ports."""

    def __init__(self, server: Surroundings) -> None:
        self._server = server
        self._current: dict[int, Admission] = {}

    def of(self, application: ApplicationRuntime) -> Admission:
        """For a new connection to a port of the current configuration."""
        admission = self._current.get(application.port)
        if admission is None:
            admission = self._current[application.port] = Admission(self._server, _terms(application))
        return admission

    def change(self, runtime: Runtime | None) -> None:
        """This configuration applies from now on."""
        applications = {} if runtime is None else runtime.applications
        for port, admission in list(self._current.items()):
            application = applications.get(port)
            if application is None or _terms(application) != admission.terms:
                del self._current[port]
                admission.withdraw()


def _terms(application: ApplicationRuntime) -> bytes:
    return _CLEARTEXT if isinstance(application.tls, Cleartext) else application.tls.admission
