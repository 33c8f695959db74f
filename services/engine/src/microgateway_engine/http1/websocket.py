"""The opening handshake of WebSocket (RFC 6455 section 4), as far as a gateway must understand it.

Only what both sides agreed on may turn an HTTP connection into a tunnel that nobody reads any more. A
gateway that believes the request, or a bare 101, gives away its application's other paths.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import Final

from microgateway_engine.http.messages import Headers, NoBody, RequestHead

from .heads import connection_options

#: RFC 6455 section 1.3.
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#: Lines of a request or response that changes the protocol.
UPGRADE_LINES: Final = b"connection: upgrade\r\nupgrade: websocket\r\n"


#: Fields of the handshake that HTTP/2 has no use for (RFC 8441 section 5).
KEY: Final = b"sec-websocket-key"
ACCEPT: Final = b"sec-websocket-accept"


def new_key() -> bytes:
    """For a handshake of the gateway's own, on behalf of a client that speaks HTTP/2."""
    return base64.b64encode(os.urandom(16))


def requested_key(head: RequestHead) -> bytes:
    """The key of a request that asks for WebSocket; empty when it asks for nothing, for another protocol (h2c
    among them), or not as it should."""
    if head.method != "GET" or head.version != "HTTP/1.1" or not isinstance(head.framing, NoBody):
        return b""
    if not _names_websocket(head.headers):
        return b""
    keys = [value for name, value in head.headers if name == KEY]
    return keys[0] if len(keys) == 1 and _is_key(keys[0]) else b""


def is_agreed(key: bytes, headers: Headers) -> bool:
    """Whether the fields of a 101 accept the request with this key (RFC 6455 section 4.1)."""
    accepts = [value for name, value in headers if name == ACCEPT]
    return accepts == [accept_for(key)] and _names_websocket(headers)


def accept_for(key: bytes) -> bytes:
    """What Sec-WebSocket-Accept says to this key."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - the protocol's own


def _names_websocket(headers: Headers) -> bool:
    protocols: set[bytes] = set()
    options: set[bytes] = set()
    for name, value in headers:
        if name == b"upgrade":
            protocols |= connection_options(value)
        elif name == b"connection":
            options |= connection_options(value)
    return b"websocket" in protocols and b"upgrade" in options


def _is_key(value: bytes) -> bool:
    """16 bytes in base64."""
    try:
        return len(value) == 24 and len(base64.b64decode(value, validate=True)) == 16
    except binascii.Error:
        return False
