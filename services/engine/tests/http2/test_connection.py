"""Where our framing differs from h2's."""

from __future__ import annotations

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
)
from h2.exceptions import DenialOfServiceError, FrameTooLargeError
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import HeadersFrame

from microgateway_engine.http2.connection import (
    CONNECTION_WINDOW,
    MAX_STREAMS,
    STREAM_WINDOW,
    Http2Framing,
)

REQUEST = [(b":method", b"GET"), (b":path", b"/"), (b":scheme", b"http"), (b":authority", b"shop")]


@pytest.fixture
def peers() -> tuple[Http2Framing, Http2Framing]:
    """Server and client that have heard each other's settings."""
    server, client = Http2Framing(False, 10_000), Http2Framing(True, 10_000)
    for _ in range(2):
        server.receive_data(client.data_to_send())
        client.receive_data(server.data_to_send())
    return server, client


@pytest.mark.parametrize("allowed", [True, False])
def test_extended_connect_is_announced_where_it_is_allowed(allowed: bool) -> None:
    client = Http2Framing(True, 10_000)
    client.receive_data(Http2Framing(False, 10_000, allow_connect=allowed).data_to_send())
    assert client.remote_settings.enable_connect_protocol == allowed


def test_limits_are_announced() -> None:
    client = Http2Framing(True, 10_000)
    events = client.receive_data(Http2Framing(False, 10_000).data_to_send())
    (settings,) = [event for event in events if isinstance(event, RemoteSettingsChanged)]
    values = {code: change.new_value for code, change in settings.changed_settings.items()}
    assert values[SettingCodes.MAX_CONCURRENT_STREAMS] == MAX_STREAMS
    assert values[SettingCodes.INITIAL_WINDOW_SIZE] == STREAM_WINDOW
    assert values[SettingCodes.MAX_HEADER_LIST_SIZE] == 10_000
    assert client.outbound_flow_control_window == CONNECTION_WINDOW


def test_streams_go_on_after_a_goaway(peers: tuple[Http2Framing, Http2Framing]) -> None:
    server, client = peers
    client.send_headers(1, REQUEST, end_stream=True)
    server.receive_data(client.data_to_send())
    server.go_away(ErrorCodes.NO_ERROR, 1)
    (terminated,) = client.receive_data(server.data_to_send())
    assert isinstance(terminated, ConnectionTerminated)
    assert (terminated.error_code, terminated.last_stream_id) == (ErrorCodes.NO_ERROR, 1)
    server.send_headers(1, [(b":status", b"200")], end_stream=True)
    assert isinstance(client.receive_data(server.data_to_send())[0], ResponseReceived)


@pytest.mark.parametrize("length", [b"1", b"5", b"x", b"1, 1"])
def test_a_wrong_content_length_is_not_the_connections_end(
    length: bytes, peers: tuple[Http2Framing, Http2Framing]
) -> None:
    server, client = peers
    client.send_headers(1, [*REQUEST, (b"content-length", length)])
    client.send_data(1, b"abc", end_stream=True)
    events = server.receive_data(client.data_to_send())
    assert [event.data for event in events if isinstance(event, DataReceived)] == [b"abc"]


def test_more_streams_than_announced_are_for_the_owner_to_refuse(
    peers: tuple[Http2Framing, Http2Framing],
) -> None:
    server, _ = peers
    head = Encoder().encode(REQUEST)
    for number in range(MAX_STREAMS + 10):
        frame = HeadersFrame(2 * number + 1, head, flags=["END_HEADERS"])
        assert server.receive_data(frame.serialize())


def test_a_frame_that_will_be_too_large_is_refused_by_its_header(
    peers: tuple[Http2Framing, Http2Framing],
) -> None:
    server, _ = peers
    with pytest.raises(FrameTooLargeError):
        server.receive_data(b"\xff\xff\xff\0\0\0\0\0\1")


def test_a_header_list_above_the_limit_is_refused(peers: tuple[Http2Framing, Http2Framing]) -> None:
    server, client = peers
    client.send_headers(1, [*REQUEST, (b"x", b"y" * 20_000)])
    with pytest.raises(DenialOfServiceError):
        server.receive_data(client.data_to_send())


def test_half_of_something_is_noticed(peers: tuple[Http2Framing, Http2Framing]) -> None:
    server, client = peers
    client.send_headers(1, REQUEST)
    data = client.data_to_send()
    seen = [server.midway]
    for piece in (data[:-1], data[-1:], HeadersFrame(3, b"abc").serialize()):
        server.receive_data(piece)
        seen.append(server.midway)
    assert seen == [False, True, False, True]
    assert server.header_block_size == 3


def test_no_table_is_kept_for_what_we_send(peers: tuple[Http2Framing, Http2Framing]) -> None:
    server, client = peers
    reader = H2Connection(H2Configuration(client_side=False, header_encoding=None))
    reader.initiate_connection()
    writer = Http2Framing(True, 10_000)
    reader.receive_data(writer.data_to_send())
    for number in range(20):
        writer.send_headers(2 * number + 1, [*REQUEST, (b"x", b"%d" % number)], end_stream=True)
        (request, _) = reader.receive_data(writer.data_to_send())
        assert isinstance(request, RequestReceived)
        assert request.headers[-1] == (b"x", b"%d" % number)
    assert len(writer.encoder.header_table.dynamic_entries) == 0
    assert reader.decoder.header_table.maxsize == 0
    assert (server.encoder.header_table_size, client.encoder.header_table_size) == (0, 0)
