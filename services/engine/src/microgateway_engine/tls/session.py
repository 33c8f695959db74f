"""What requests of a connection know about its TLS."""

from __future__ import annotations

import ssl
from typing import Final

from msgspec import Struct

from .context import ServerSide, requested_name
from .identity import Accepted, Identity, NotAccepted

#: OpenSSL's names, and those of ECS (`tls.version`).
_NUMBERS: Final = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}


class TlsSession(Struct, frozen=True):
    """version: `TLSv1.3`. cipher: OpenSSL's name. application_protocol: what ALPN has chosen, and
    server_name: what the client called us (RFC 6066 section 3), empty without. resumed: the handshake was
    that of an earlier connection. client: None without a certificate. server: our own. There is no session
    id: Python copies the whole session to tell it, which takes half as long as a handshake."""

    version: str
    cipher: str
    application_protocol: str
    server_name: str
    resumed: bool
    client: Identity | None
    server: Identity

    @property
    def version_number(self) -> str:
        """`1.3`"""
        return _NUMBERS.get(self.version, self.version)


def established(side: ServerSide, connection: ssl.SSLObject) -> TlsSession | NotAccepted:
    """After the handshake: who the client is, or why it is refused."""
    checked = side.check.check(connection.getpeercert(binary_form=True))
    match checked:
        case NotAccepted():
            return checked
        case Accepted(identity):
            cipher = connection.cipher()
            return TlsSession(
                version=connection.version() or "",
                cipher=cipher[0] if cipher else "",
                application_protocol=connection.selected_alpn_protocol() or "",
                server_name=requested_name(connection),
                resumed=bool(connection.session_reused),
                client=identity,
                server=side.identity,
            )
