"""One stream, cut everywhere: the events are the same; and h11 agrees about what is a request."""

from __future__ import annotations

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import Data, End, RequestHead, ResponseHead
from microgateway_engine.http1.reader import NeedData, RequestReader, ResponseReader

Seen = list[tuple[object, ...]]


def pull(reader: RequestReader | ResponseReader, seen: Seen) -> None:
    """Add what can be pulled; neighbouring data is joined, since where it is cut is no one's concern."""
    while True:
        match reader.next_event():
            case NeedData():
                return
            case End(trailers):
                seen.append(("end", *trailers))
            case Data(data):
                if seen and seen[-1][0] == "data":
                    seen[-1] = ("data", seen[-1][1] + data)  # type: ignore[operator]
                else:
                    seen.append(("data", data))
            case RequestHead() as request:
                seen.append(("request", request.method, request.target))
            case ResponseHead() as response:
                seen.append(("response", response.status))


def read(pieces: list[bytes], max_head: int = 4096) -> Seen:
    reader, seen = RequestReader(max_head), Seen()
    for piece in pieces:
        reader.feed(piece)
        try:
            pull(reader, seen)
        except ProtocolError as error:
            if seen and seen[-1][0] == "data":
                seen.pop()  # what came before the fault in the same read is lost with the connection
            seen.append(("refused", error.status))
            break
    return seen


STREAMS = {
    "empty lines": b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "two gets": b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a post": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
    "chunks": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5;ext=1\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET /next HTTP/1.1\r\n\r\n"
    ),
    "empty chunks": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk size": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "long chunk data": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
    "bad trailer": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n",
    "bare LF in a trailer": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\rA: b\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: x\n\n",
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
}


@pytest.mark.parametrize("name", STREAMS)
def test_where_a_stream_is_cut_does_not_matter(name: str) -> None:
    stream = STREAMS[name]
    whole = read([stream])
    assert read([stream[at : at + 1] for at in range(len(stream))]) == whole
    for at in range(1, len(stream)):
        assert read([stream[:at], stream[at:]]) == whole, at


def test_the_events_of_a_pipeline() -> None:
    assert read([STREAMS["chunks"]]) == [
        ("request", "POST", b"/"),
        ("data", b"hello0123456789"),
        ("end", (b"trailer", b"x")),
        ("request", "GET", b"/next"),
        ("end",),
    ]


@pytest.mark.parametrize(
    "name", ["bad chunk size", "long chunk data", "bad trailer", "bare LF in a trailer", "bare line feeds"]
)
def test_broken_framing_is_refused(name: str) -> None:
    assert read([STREAMS[name]])[-1] == ("refused", 400)


def test_a_head_above_the_limit_is_refused_before_it_is_complete() -> None:
    assert read([b"GET / HTTP/1.1\r\nA: " + b"b" * 200], max_head=100) == [("refused", 431)]
    assert read([b"GET / HTTP/1.1\r\nA: " + b"b" * 200 + b"\r\n\r\n"], max_head=100) == [("refused", 431)]


def test_a_chunk_line_without_end_is_refused() -> None:
    assert read([b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 300])[-1] == (
        "refused",
        400,
    )


def test_interim_responses_are_skipped() -> None:
    reader, seen = ResponseReader(), Seen()
    reader.feed(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n")
    pull(reader, seen)
    assert seen == [("response", 204), ("end",)]


def test_an_interim_response_alone_is_not_an_answer() -> None:
    reader, seen = ResponseReader(), Seen()
    reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    pull(reader, seen)
    assert seen == []
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
    pull(reader, seen)
    assert seen == [("response", 200), ("data", b"x"), ("end",)]


def test_a_body_without_length_ends_with_the_connection() -> None:
    reader, seen = ResponseReader(), Seen()
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\nall of it")
    pull(reader, seen)
    assert seen == [("response", 200), ("data", b"all of it")]
    assert reader.end_of_stream()


def test_a_cut_off_body_does_not_end_with_the_connection() -> None:
    reader, seen = ResponseReader(), Seen()
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    pull(reader, seen)
    assert not reader.end_of_stream()


_line = st.sampled_from(
    [
        b"Host: x",
        b"Content-Length: 3",
        b"Content-Length: 03",
        b"Content-Length: 3, 3",
        b"content-length:3",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding : chunked",
        b" folded",
        b"X: \x0b",
        b"X-Y: z",
        b"Connection: close",
        b"Expect: 100-continue",
    ]
)
_start = st.sampled_from(
    [b"GET / HTTP/1.1", b"POST /a HTTP/1.1", b"POST / HTTP/1.0", b"GET  / HTTP/1.1", b"PUT / HTTP/1.2"]
)
_body = st.sampled_from([b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"3\nabc\n0\n\n", b"3 \r\nabc\r\n0\r\n\r\n"])


@settings(max_examples=300)
@given(_start, st.lists(_line, max_size=4), _body)
@example(b"POST /a HTTP/1.1", [b"Host: x", b"Transfer-Encoding: chunked"], b"3\r\nabc\r\n0\r\n\r\n")
def test_what_we_take_h11_takes_with_the_same_body(start: bytes, lines: list[bytes], body: bytes) -> None:
    """The other direction may differ: we are stricter."""
    stream = b"\r\n".join([start, *lines, b"", body])
    ours = read([stream])
    if not ours or ours[-1][0] == "refused" or ("end",) not in ours:
        return
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(stream)
    theirs: Seen = []
    try:
        while True:
            event = peer.next_event()
            if isinstance(event, h11.Request):
                theirs.append(("request", event.method.decode(), bytes(event.target)))
            elif isinstance(event, h11.Data):
                theirs.append(("data", bytes(event.data)))
            elif isinstance(event, h11.EndOfMessage):
                theirs.append(("end",))
                break
            else:
                break
    except h11.RemoteProtocolError:
        # h11 wants a Host header in HTTP/1.1, which we check with the target; it refuses no framing
        # that we took.
        assert b"Host: x" not in lines or lines.count(b"Host: x") > 1
        return
    assert ours[: ours.index(("end",)) + 1] == theirs
