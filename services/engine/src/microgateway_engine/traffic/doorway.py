"""A new connection of a client: where it wants to go, and which protocol serves it.

accepted ─► destination ─► cleartext, or TLS (handshake) ─► HTTP/1.1 or HTTP/2
                └── refused: closed without a word
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

from microgateway_common.ir.tls import Cleartext
from microgateway_engine.tls.session import TlsSession

from .admission import Admissions
from .destination import Refused
from .downstream.choice import client_connection
from .downstream.surroundings import ClientConnection, Surroundings
from .exchange import Peer
from .handshake import Handshake


class Doorway(asyncio.Protocol):
    """What the listener makes of each connection; it hands it over as soon as it knows to whom."""

    def __init__(self, server: Surroundings, admissions: Admissions) -> None:
        self._server = server
        self._admissions = admissions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        transport = cast("asyncio.Transport", transport)
        server = self._server
        destination = server.destination(transport)
        application = None if isinstance(destination, Refused) else server.application(destination.port)
        if isinstance(destination, Refused) or application is None:
            transport.abort()
            return
        address = transport.get_extra_info("peername") or ("", 0)
        local = transport.get_extra_info("sockname") or ("", 0)
        peer = Peer(address[0], address[1], local[0], local[1])
        admission = self._admissions.of(application)
        if isinstance(application.tls, Cleartext):
            connection = client_connection(admission, transport, destination, peer, "")
            transport.set_protocol(cast("asyncio.Protocol", connection))
            admission.opened(connection)
            return

        def serve(secured: asyncio.Transport, session: TlsSession) -> ClientConnection:
            over_tls = replace(peer, scheme=b"https", tls=session)
            return client_connection(admission, secured, destination, over_tls, session.application_protocol)

        handshake = Handshake(admission, transport, destination.port, application.tls, serve)
        admission.opened(handshake)
        handshake.begin()
