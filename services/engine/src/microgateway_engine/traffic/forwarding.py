"""Header fields that the gateway itself must get right, whatever header rewrites say.

Fields of one connection are dropped, those that frame a message are written anew by the exchange, and
the application learns whom a request came from.
"""

from __future__ import annotations

from typing import Final

from microgateway_engine.http.messages import ConnectionOptions, Headers, Trailers
from microgateway_engine.tls import xfcc
from microgateway_inspection.header_rewrites import MANAGED

#: What a request loses. X-Forwarded-Client-Cert, for only the gateway says who a client is.
REQUEST_DROPPED: Final = MANAGED | {xfcc.NAME}


def end_to_end(headers: Headers, options: ConnectionOptions, dropped: frozenset[bytes] = MANAGED) -> Headers:
    """The fields that go on to the other side, and that header rewrites may touch. options: of the head's
    Connection fields, which name others of one connection."""
    if not options <= dropped:
        dropped |= options
    return [field for field in headers if field[0] not in dropped]


#: What must not come after the body (RFC 9110 section 6.5.1): what routes, authenticates, modifies a
#: request or describes a body, and whom a request came from.
_NO_TRAILERS: Final = MANAGED | frozenset(
    b"authorization cache-control content-encoding content-range content-type cookie date forwarded if-match "
    b"if-modified-since if-none-match if-range if-unmodified-since location max-forwards pragma "
    b"proxy-authenticate proxy-authorization range retry-after set-cookie vary www-authenticate "
    b"x-forwarded-for x-forwarded-proto x-request-id".split()
)


def end_to_end_trailers(trailers: Trailers) -> Headers:
    """The trailers that go on to the other side."""
    return [field for field in trailers if field[0] not in _NO_TRAILERS]


def takes_trailers(headers: Headers) -> bool:
    """Whether who sent these fields wants trailers (RFC 9110 section 10.1.4)."""
    return any(
        name == b"te" and b"trailers" in (coding.strip(b" \t") for coding in value.lower().split(b","))
        for name, value in headers
    )


def first(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a header (name in lower case)."""
    for each, value in headers:
        if each == name:
            return value
    return None


def set_client_certificate(headers: Headers, value: bytes | None) -> None:
    """X-Forwarded-Client-Cert, in place of what header rewrites may have set."""
    if value is not None:
        headers[:] = [field for field in headers if field[0] != xfcc.NAME]
        headers.append((xfcc.NAME, value))


def add_forwarding(headers: Headers, peer: str, scheme: bytes, request_id: str) -> None:
    """X-Forwarded-For gains the peer, X-Forwarded-Proto is set unless a proxy before did, and
    X-Request-Id is that of the log."""
    present = dict(headers)
    chain = peer.encode()
    if b"x-forwarded-for" in present or b"x-request-id" in present:
        before = [value for name, value in headers if name == b"x-forwarded-for"]
        chain = b", ".join([*before, chain])
        headers[:] = [field for field in headers if field[0] not in (b"x-forwarded-for", b"x-request-id")]
    headers.append((b"x-forwarded-for", chain))
    if b"x-forwarded-proto" not in present:
        headers.append((b"x-forwarded-proto", scheme))
    headers.append((b"x-request-id", request_id.encode()))
