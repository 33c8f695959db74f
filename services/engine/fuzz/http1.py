"""Whatever a client sends, and wherever it is cut: the same requests or the same refusal, nothing but
ProtocolError, and no more memory than a head may have. The first byte says where the stream is cut."""

from __future__ import annotations

from collections.abc import Iterator

from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import Data, End, RequestHead
from microgateway_engine.http.targets import request_target
from microgateway_engine.http1.reader import NeedData, RequestReader
from microgateway_inspection.normal_path import normal_path

INSTRUMENT = ("microgateway_engine.http", "microgateway_engine.http1")

SEEDS = (
    b"\x05GET /a?b=c HTTP/1.1\r\nHost:\r\n\r\nGET /%2e%2E//b HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
    b"\x03POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
    b"\x07POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n",
    b"\x01\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    b"\x02GET http://x.example/a HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\n\r\n",
)

_MAX_HEAD = 1024
_LONGEST = 8192


def check(data: bytes) -> None:
    stream = data[1:_LONGEST]
    whole = _read([stream])
    stride = data[0] + 1 if data else 1
    assert whole == _read(_pieces(stream, stride))
    assert whole == _read([stream[:stride], stream[stride:]])
    path = b"/" + stream
    normal = normal_path(path, True)
    assert len(normal) <= 3 * len(path)
    assert normal == normal_path(normal, True)


def _pieces(stream: bytes, stride: int) -> Iterator[bytes]:
    return (stream[at : at + stride] for at in range(0, len(stream), stride))


def _read(pieces: Iterator[bytes] | list[bytes]) -> list[tuple[object, ...]]:
    """What is seen, data joined, a refusal last."""
    reader = RequestReader(_MAX_HEAD)
    seen: list[tuple[object, ...]] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            _pull(reader, seen)
            assert reader.buffered <= _MAX_HEAD
    except ProtocolError as error:
        # How much of a body comes before what is wrong with it depends on the cut.
        if seen and seen[-1][0] == "data":
            del seen[-1]
        seen.append(("refused", error.status))
    return seen


def _pull(reader: RequestReader, seen: list[tuple[object, ...]]) -> None:
    while not isinstance(event := reader.next_event(), NeedData):
        match event:
            case RequestHead():
                seen.append(("head", event.method, event.target, event.headers, event.framing))
                _target(event)
            case Data(data) if seen[-1][0] == "data":
                so_far = seen.pop()[1]
                assert isinstance(so_far, bytes)
                seen.append(("data", so_far + data))
            case Data(data):
                seen.append(("data", data))
            case End():
                seen.append(("end", event))


def _target(head: RequestHead) -> None:
    try:
        target = request_target(head, True, True)
    except ProtocolError:
        return
    assert target.path == "*" or target.path.startswith("/")
    assert b"\n" not in target.raw
