"""What waits on a stream until the peer's windows let it go."""

from __future__ import annotations

from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, TrailersReceived
from hypothesis import given
from hypothesis import strategies as st

from microgateway_engine.http2.connection import Http2Framing
from microgateway_engine.http2.outgoing import MAX_FRAME, Outgoing

REQUEST = [(b":method", b"GET"), (b":path", b"/"), (b":scheme", b"http"), (b":authority", b"shop")]
RESPONSE = [(b":status", b"200")]


def pair() -> tuple[Http2Framing, Http2Framing]:
    """Server and client; the client has sent a request on stream 1."""
    server, client = Http2Framing(False, 10_000), Http2Framing(True, 10_000)
    client.send_headers(1, REQUEST, end_stream=True)
    server.receive_data(client.data_to_send())
    client.receive_data(server.data_to_send())
    server.receive_data(client.data_to_send())
    return server, client


def heard(server: Http2Framing, client: Http2Framing) -> list[Event]:
    return client.receive_data(server.data_to_send())


def test_a_head_alone_ends_its_stream() -> None:
    server, client = pair()
    outgoing = Outgoing(server, 1)
    outgoing.head(RESPONSE)
    outgoing.end(())
    seen = [(outgoing.waiting, outgoing.done)]
    outgoing.send(1000)
    seen.append((outgoing.waiting, outgoing.done))
    assert seen == [(True, False), (False, True)]
    head, _ = heard(server, client)
    assert isinstance(head, ResponseReceived)
    assert head.stream_ended is not None


def test_trailers_follow_the_data() -> None:
    server, client = pair()
    outgoing = Outgoing(server, 1)
    outgoing.head(RESPONSE)
    outgoing.data(b"abc")
    outgoing.end(((b"x", b"1"),))
    outgoing.send(1000)
    kinds = [type(event) for event in heard(server, client)]
    assert kinds == [ResponseReceived, DataReceived, TrailersReceived, StreamEnded]


def test_a_quantum_is_sent_at_a_time() -> None:
    server, client = pair()
    outgoing = Outgoing(server, 1)
    outgoing.head(RESPONSE)
    outgoing.data(b"x" * 30_000)
    outgoing.send(10_000)
    assert outgoing.size == 20_000
    outgoing.send(50_000)
    assert outgoing.size == 0
    assert not outgoing.waiting  # its end has not come
    assert not outgoing.done
    frames = [event.data for event in heard(server, client) if isinstance(event, DataReceived)]
    assert [len(frame) for frame in frames] == [10_000, 16_384, 3_616]


def test_nothing_is_sent_beyond_the_window() -> None:
    server, client = pair()
    window = server.local_flow_control_window(1)
    outgoing = Outgoing(server, 1)
    outgoing.head(RESPONSE)
    outgoing.data(bytes(2 * window))
    outgoing.end(())
    outgoing.send(10 * window)
    assert outgoing.size == window
    outgoing.send(10 * window)
    assert outgoing.size == window
    heard(server, client)
    client.increment_flow_control_window(window, 1)
    server.receive_data(client.data_to_send())
    outgoing.send(10 * window)
    assert outgoing.done


def test_what_is_discarded_waits_no_longer() -> None:
    server, _ = pair()
    outgoing = Outgoing(server, 1)
    outgoing.head(RESPONSE)
    outgoing.data(b"abc")
    outgoing.discard()
    assert not outgoing.waiting
    outgoing.send(1000)
    assert outgoing.size == 0


@given(st.lists(st.binary(min_size=1, max_size=70_000), max_size=3), st.integers(1, 200_000))
def test_however_it_is_cut_it_arrives_whole(pieces: list[bytes], quantum: int) -> None:
    server, client = pair()
    outgoing = Outgoing(server, 1)
    outgoing.head(RESPONSE)
    for piece in pieces:
        outgoing.data(piece)
    outgoing.end(())
    quantum = max(quantum, sum(map(len, pieces)) // 50 + 1)
    received = b""
    for _ in range(60):
        outgoing.send(quantum)
        for event in heard(server, client):
            if isinstance(event, DataReceived):
                assert len(event.data) <= MAX_FRAME
                received += event.data
    assert outgoing.done
    assert received == b"".join(pieces)
