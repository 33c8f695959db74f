"""X-Forwarded-Client-Cert: who the client of a proxy before us was, and who ours is.

    By=…;Hash=…;Subject="CN=a,O=b";URI=…;DNS=… , By=…      an element a hop, oldest first

The format is Envoy's ("HTTP header manipulation", x-forwarded-client-cert). Values with `,`, `;`, `=` or
`"` stand in double quotes, with a backslash before `"`; so one certificate cannot claim to be two.
"""

from __future__ import annotations

from typing import Final, assert_never

from microgateway_common.ir.tls import SanType, Xfcc
from microgateway_engine.http.messages import Headers

from .identity import Identity
from .session import TlsSession

NAME: Final[bytes] = b"x-forwarded-client-cert"

_SPECIAL: Final = frozenset(',;="\\ ')


def forwarded(mode: Xfcc, headers: Headers, session: TlsSession | None) -> bytes | None:
    """The value the application gets; None for no header.

    headers: of the request as it came. session: None for cleartext.
    """
    values = [value for name, value in headers if name == NAME]
    received = b",".join(values) if values else None
    if mode is Xfcc.ALWAYS_FORWARD_ONLY:
        return received
    if session is None or session.client is None:
        return None  # only who has proved who it is may speak of others
    match mode:
        case Xfcc.SANITIZE:
            return None
        case Xfcc.FORWARD_ONLY:
            return received
        case Xfcc.SANITIZE_AND_SET:
            return element(session.server, session.client)
        case Xfcc.APPEND_AND_FORWARD:
            own = element(session.server, session.client)
            return received + b"," + own if received and is_well_formed(received) else own
        case _:
            assert_never(mode)


def element(server: Identity, client: Identity) -> bytes:
    """Of this hop."""
    pairs = [("By", uri) for uri in server.sans(SanType.URI)]
    pairs.append(("Hash", client.sha256.hex()))
    text = ";".join(f"{key}={_value(value)}" for key, value in pairs)
    text += f";Subject={_quoted(client.subject)}"
    uris = client.sans(SanType.URI) or ("",)
    for key, values in (("URI", uris), ("DNS", client.sans(SanType.DNS))):
        text += "".join(f";{key}={_value(value)}" for value in values)
    return text.encode("utf-8", "replace")


def is_well_formed(value: bytes) -> bool:
    """Whether something can be appended without becoming part of what is there: all quotes are closed."""
    quoted = False
    position = 0
    while position < len(value):
        byte = value[position]
        if byte == 0x22:
            quoted = not quoted
        elif byte == 0x5C and quoted:
            position += 1
        position += 1
    return not quoted and position == len(value)


def _value(text: str) -> str:
    return _quoted(text) if not _SPECIAL.isdisjoint(text) or not text.isprintable() else text


def _quoted(text: str) -> str:
    """Control characters, which end a header field, become spaces."""
    printable = "".join(each if each.isprintable() else " " for each in text)
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'
