"""The pod's own ports: readiness, probes, metrics, administration. Small answers, one a connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Self

from msgspec import Struct

from microgateway_common.settings import Address

from .http.errors import ProtocolError
from .http.messages import RequestHead
from .http1.heads import parse_request_head

#: Seconds a client may take to send its request, and again to take the answer.
TIMEOUT = 5.0

#: Bytes of a request's head.
MAX_HEAD = 16 * 1024

#: Connections at once. When there are more, the one that has kept its request for the longest time goes: who
#: holds connections open cannot keep the kubelet out.
MAX_CONNECTIONS = 256

#: Seconds and bytes in which a client that still sends may read its answer (RFC 9112 section 9.6).
_LINGER = 1.0
_MAX_UNREAD = 256 * 1024

#: A pod without IPv6 serves IPv4 alone.
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_ANY_IPV6, _ANY_IPV4 = "::", "0.0.0.0"  # noqa: S104 - a pod's port


class Answer(Struct, frozen=True):
    status: int
    body: bytes
    content_type: bytes = b"text/plain; charset=utf-8"
    #: Fields besides the usual ones.
    fields: tuple[tuple[bytes, bytes], ...] = ()


#: Answers a GET.
Page = Callable[[RequestHead], Answer | Awaitable[Answer]]

#: By path.
Pages = Mapping[str, Page]

NOT_FOUND = Answer(404, b"not found\n")
NOT_ALLOWED = Answer(405, b"expected GET\n", fields=((b"allow", b"GET, HEAD"),))


class AdminServer:
    """Serves pages at one address until closed."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        #: Whose request has not come yet, the oldest first.
        self._waiting: dict[asyncio.StreamWriter, None] = {}
        self._connections = 0

    @classmethod
    async def open(cls, address: Address, pages: Pages) -> Self:
        """Listen; `[::]` takes IPv4 as well. Raises OSError when the address is taken."""
        server = cls(pages)
        server._server = await asyncio.start_server(server._handle, sock=_listening(address), limit=MAX_HEAD)
        return server

    @property
    def address(self) -> Address:
        return Address(*self._server.sockets[0].getsockname()[:2])

    def close(self) -> None:
        self._server.close()

    _server: asyncio.Server

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        self._waiting[writer] = None
        if self._connections > MAX_CONNECTIONS:
            next(iter(self._waiting)).transport.abort()
        try:
            head, answer = await self._read(reader, writer)
            async with asyncio.timeout(TIMEOUT):
                writer.write(_encode(answer, with_body=head is None or head.method != "HEAD"))
                await writer.drain()
                if writer.can_write_eof():
                    writer.write_eof()
            if head is None or head.method not in ("GET", "HEAD"):
                await _linger(reader)
        except (OSError, TimeoutError):
            writer.transport.abort()  # nobody is left to be told
        finally:
            self._waiting.pop(writer, None)
            self._connections -= 1
            writer.close()

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[RequestHead | None, Answer]:
        """The request, None for what is none, and its answer. Raises OSError when nobody asks."""
        try:
            async with asyncio.timeout(TIMEOUT):
                data = await reader.readuntil(b"\r\n\r\n")
            head = parse_request_head(data[:-4])
        except TimeoutError:
            return None, Answer(408, b"expected a request within %g s\n" % TIMEOUT)
        except asyncio.IncompleteReadError as error:
            if not error.partial:
                raise ConnectionResetError from error
            return None, Answer(400, b"half a request\n")
        except asyncio.LimitOverrunError:
            return None, Answer(431, b"a head of more than %d bytes\n" % MAX_HEAD)
        except ProtocolError as error:
            return None, Answer(error.status, f"{error.reason}\n".encode())
        finally:
            self._waiting.pop(writer, None)
        return head, await self._answer(head)

    async def _answer(self, head: RequestHead) -> Answer:
        page = self._pages.get(head.target.partition(b"?")[0].decode("latin-1"))
        if page is None:
            return NOT_FOUND
        if head.method not in ("GET", "HEAD"):
            return NOT_ALLOWED
        answer = page(head)
        return answer if isinstance(answer, Answer) else await answer


def _encode(answer: Answer, with_body: bool) -> bytes:
    fields = b"".join(b"%b: %b\r\n" % each for each in answer.fields)
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%bconnection: close\r\n\r\n%b" % (
        answer.status,
        _reason(answer.status),
        answer.content_type,
        len(answer.body),
        fields,
        answer.body if with_body else b"",
    )


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""  # an application's own


async def _linger(reader: asyncio.StreamReader) -> None:
    """Closing on bytes that nobody read resets the connection, and the answer is lost with it."""
    unread = 0
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(_LINGER):
            while unread < _MAX_UNREAD and (data := await reader.read(MAX_HEAD)):
                unread += len(data)


def _listening(address: Address) -> socket.socket:
    """Raises OSError."""
    if address.host != _ANY_IPV6:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        return socket.create_server(address, family=family)
    try:
        return socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=True)
    except OSError as error:
        if error.errno not in _NO_SUCH_FAMILY:
            raise
    return socket.create_server((_ANY_IPV4, address.port))
