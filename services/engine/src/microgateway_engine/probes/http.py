"""httpGet, as the kubelet does it (kubernetes pkg/probe/http).

A status from 200 to 399 is a success. Redirects are followed within the host, at most ten; one that leads to
another host is a success, for the application has answered. Certificates are believed whatever they say: a
pod proves nothing about itself to its own node. HTTPS is HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from msgspec import Struct

from microgateway_common.settings import Address
from microgateway_engine.http.messages import Data, End, Headers, ResponseHead
from microgateway_engine.http1.reader import NeedData, ResponseReader

from .definitions import HttpProbe
from .outcomes import SUCCEEDED, Failed, Outcome

#: Redirects that are followed.
MAX_REDIRECTS = 10

#: Bytes of a body that are read; what comes after them is not waited for.
MAX_BODY = 10 * 1024

#: Bytes of one read.
_PIECE = 64 * 1024

_PORTS = {"http": 80, "https": 443}

#: What a URL may hold besides letters and digits; `%` because it is escaped already.
_URL_TEXT: Final = "%/:=&?~#+!$,;'@()*[]"


class _Target(Struct, frozen=True):
    """Where a request goes. relative: the redirect named no host, so the probe's own Host still holds."""

    scheme: str
    address: Address
    path: str
    relative: bool = True


async def run(probe: HttpProbe, host: str, agent: str) -> Outcome:
    """agent: User-Agent where the probe has none of its own. Raises OSError, ProtocolError, ValueError."""
    target = _Target("https" if probe.tls else "http", Address(host, probe.port), _path(probe.path))
    for _ in range(MAX_REDIRECTS):
        head = await _get(target, list(_fields(probe, target, agent)))
        if head.status >= 400:
            return Failed(f"HTTP status {head.status}", head.status)
        following = _redirect(target, head)
        if following is None or following.address.host != host:
            return SUCCEEDED
        target = following
    return Failed(f"stopped after {MAX_REDIRECTS} redirects")


async def _get(target: _Target, fields: Headers) -> ResponseHead:
    """The response's head, once its body has come as well or is longer than anybody reads."""
    context = _believing() if target.scheme == "https" else None
    connection, writer = await asyncio.open_connection(*target.address, ssl=context)
    try:
        lines = [b"GET %b HTTP/1.1" % target.path.encode("ascii"), *(b"%b: %b" % each for each in fields)]
        writer.write(b"\r\n".join((*lines, b"", b"")))
        return await _response(connection)
    finally:
        writer.transport.abort()


async def _response(connection: asyncio.StreamReader) -> ResponseHead:
    reader = ResponseReader()
    found: ResponseHead | None = None
    size = 0
    while True:
        match reader.next_event():
            case NeedData():
                data = await connection.read(_PIECE)
                if data:
                    reader.feed(data)
                elif found is not None and reader.end_of_stream():
                    return found
                else:
                    raise ConnectionResetError("the connection ended before the response did")
            case ResponseHead() as head:
                found = head
            case Data(data):
                size += len(data)
                if found is not None and size >= MAX_BODY:
                    return found
            case End():
                assert found is not None
                return found


def _fields(probe: HttpProbe, target: _Target, agent: str) -> Iterator[tuple[bytes, bytes]]:
    """The kubelet's own fields where the probe has none; an empty one of the probe's suppresses them."""
    given = {name.lower() for name, _ in probe.headers}
    hosts = [value for name, value in probe.headers if name.lower() == "host" and value]
    host = hosts[-1] if hosts and target.relative else str(target.address)
    yield b"host", host.encode()
    if "user-agent" not in given:
        yield b"user-agent", agent.encode("latin-1")
    if "accept" not in given:
        yield b"accept", b"*/*"
    yield b"connection", b"close"
    for name, value in probe.headers:
        lower = name.lower()
        if lower in _OURS or (lower in ("user-agent", "accept") and not value):
            continue
        yield name.encode(), value.encode()


#: Fields that frame the message or belong to the connection.
_OURS = frozenset(("host", "connection", "content-length", "transfer-encoding"))


def _redirect(target: _Target, head: ResponseHead) -> _Target | None:
    """Where a response sends the client on; None when it does not, or not by HTTP."""
    if head.status not in (301, 302, 303, 307, 308):
        return None
    location = next((value for name, value in head.headers if name == b"location"), b"").decode("latin-1")
    if not location:
        return None
    url = urlsplit(urljoin(f"{target.scheme}://{target.address}{target.path}", location))
    if url.scheme not in _PORTS or not url.hostname:
        return None
    address = Address(url.hostname, url.port or _PORTS[url.scheme])
    query = f"?{url.query}" if url.query else ""
    return _Target(url.scheme, address, _path(url.path + query), not urlsplit(location).netloc)


def _path(text: str) -> str:
    """As a request has it: without fragment, in ASCII, with a slash in front."""
    path = quote(text.partition("#")[0], safe=_URL_TEXT)
    return path if path.startswith("/") else f"/{path}"


def _believing() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # OpenSSL would refuse small keys and old digests even in certificates that nobody verifies.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
