"""grpc: the health protocol (`grpc.health.v1.Health/Check`), over plain HTTP/2 as the kubelet does it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from microgateway_common.settings import Address

from .definitions import GrpcProbe
from .outcomes import SUCCEEDED, Failed, Outcome

#: Bytes of an answer that are taken; a HealthCheckResponse has two.
MAX_MESSAGE = 4096

_PIECE = 64 * 1024

#: grpc.health.v1.HealthCheckResponse.ServingStatus
_STATUS = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_SERVING = 1

#: google.rpc.Code
_OK = "0"
_UNIMPLEMENTED = "12"


class _Answer:
    """What has come of a response."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.body = b""
        self.complete = False

    def take(self, event: Event) -> None:
        """Raises ConnectionResetError when the server gives up."""
        match event:
            case ResponseReceived(headers=headers) | TrailersReceived(headers=headers):
                for name, value in headers:
                    self.fields[name.decode("latin-1")] = value.decode("latin-1")
            case DataReceived(data=data):
                self.body += data
            case StreamEnded():
                self.complete = True
            case StreamReset(error_code=code):
                raise ConnectionResetError(f"the server reset the call: {_name(code)}")
            case ConnectionTerminated(error_code=code) if code != ErrorCodes.NO_ERROR:
                raise ConnectionResetError(f"the server ended the connection: {_name(code)}")
            case _:
                pass


async def run(probe: GrpcProbe, host: str, agent: str) -> Outcome:
    """Raises OSError."""
    address = Address(host, probe.port)
    reader, writer = await asyncio.open_connection(*address)
    try:
        answer = await _call(reader, writer, probe.service, address, agent)
    except ProtocolError as error:
        return Failed(f"no HTTP/2: {error}")
    finally:
        writer.transport.abort()
    return _outcome(answer)


async def _call(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, service: str, address: Address, agent: str
) -> _Answer:
    connection = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    connection.initiate_connection()
    stream = connection.get_next_available_stream_id()
    connection.send_headers(
        stream,
        [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/grpc.health.v1.Health/Check"),
            (":authority", str(address)),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", agent),
        ],
    )
    connection.send_data(stream, _request(service), end_stream=True)
    answer = _Answer()
    while not answer.complete:
        writer.write(connection.data_to_send())
        data = await reader.read(_PIECE)
        if not data:
            raise ConnectionResetError("the connection ended before the response did")
        for event in connection.receive_data(data):
            answer.take(event)
        if len(answer.body) > MAX_MESSAGE:
            raise ConnectionResetError(f"more than {MAX_MESSAGE} bytes of response")
    return answer


def _outcome(answer: _Answer) -> Outcome:
    if answer.fields.get(":status") != "200":
        return Failed(f"no gRPC: HTTP status {answer.fields.get(':status')}")
    code = answer.fields.get("grpc-status")
    if code == _UNIMPLEMENTED:
        return Failed("the server does not implement the gRPC health protocol (grpc.health.v1.Health)")
    if code != _OK:
        return Failed(f"gRPC status {code}: {answer.fields.get('grpc-message', '')}".rstrip(": "))
    try:
        status = serving_status(answer.body)
    except ValueError as error:
        return Failed(str(error))
    return SUCCEEDED if status == _SERVING else Failed(f"health status {_STATUS.get(status, status)}")


def _request(service: str) -> bytes:
    """A HealthCheckRequest in a gRPC frame: not compressed, length, message."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return struct.pack("!BI", 0, len(message)) + message


def serving_status(body: bytes) -> int:
    """The status in a HealthCheckResponse in its gRPC frame. Raises ValueError."""
    if len(body) < 5 or body[0] != 0 or int.from_bytes(body[1:5], "big") != len(body) - 5:
        raise ValueError("expected one uncompressed gRPC message")
    message = body[5:]
    at, status = 0, 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        match tag & 7:
            case 0:
                value, at = _read_varint(message, at)
                status = value if tag >> 3 == 1 else status
            case 1:
                at += 8
            case 2:
                length, at = _read_varint(message, at)
                at += length
            case 5:
                at += 4
            case _:
                raise ValueError("expected a protocol buffers message")
    if at != len(message):
        raise ValueError("expected a protocol buffers message, got half of one")
    return status


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: Sequence[int], at: int) -> tuple[int, int]:
    """(number, where it ends). Raises ValueError."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("expected a protocol buffers message, got half of one")
        number |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return number, at
    raise ValueError("expected a protocol buffers message")


def _name(code: ErrorCodes | int | None) -> str:
    return code.name if isinstance(code, ErrorCodes) else str(code)
