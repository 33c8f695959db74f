"""Values of command operators for an exchange: one function an operator, chosen once.

Header rewrites ask through `ExchangeContext`, the custom access log calls the functions themselves.
Which operators there are says `microgateway_common.operators`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from microgateway_common.ir.tls import SanType
from microgateway_common.operators import OPERATORS, UNAVAILABLE, Argument, header_alternatives
from microgateway_common.time_formats import time_format
from microgateway_engine import __version__
from microgateway_inspection.matching import header_text
from microgateway_inspection.verdict import BlockType, Threat, block_subtype, block_type

from .threats import threat_line

if TYPE_CHECKING:
    from datetime import datetime

    from microgateway_engine.http.messages import Headers
    from microgateway_engine.tls.identity import Identity
    from microgateway_engine.tls.session import TlsSession
    from microgateway_engine.traffic.exchange import Exchange

#: Text, a number, or what msgspec can encode as JSON; None is missing.
Value = object
OperatorFunction = Callable[["Exchange"], Value]

#: The one entry of dynamic metadata that manifests read: CR Telemetry names it so.
CORRELATION_ID: Final = "com.airlock.microgateway.telemetry:correlation_id"


class ExchangeContext:
    """An exchange as `microgateway_inspection.templates.TemplateContext`."""

    __slots__ = ("exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def operator_text(self, name: str, argument: str) -> str | None:
        value = operator_function(name, argument)(self.exchange)
        if value is None or isinstance(value, str):
            return value
        return msgspec.json.encode(value).decode()


@lru_cache(maxsize=1024)
def operator_function(name: str, argument: str) -> OperatorFunction:
    """Of an operator that `check_operator` let pass. At most as many as configurations name."""
    if name in UNAVAILABLE:
        return _missing
    if OPERATORS[name].argument is Argument.NONE:
        return _PLAIN[name]
    return _WITH_ARGUMENT[name](argument)


def _missing(_exchange: Exchange) -> Value:
    return None


# Operators with an argument: each makes a function.


def _request_header(argument: str) -> OperatorFunction:
    names = header_alternatives(argument)
    return lambda exchange: _first_present(_request_field(exchange, name) for name in names)


def _request_header_without_query(argument: str) -> OperatorFunction:
    value = _request_header(argument)

    def without_query(exchange: Exchange) -> Value:
        text = value(exchange)
        return text.partition("?")[0] if isinstance(text, str) else None

    return without_query


def _response_header(argument: str) -> OperatorFunction:
    names = header_alternatives(argument)
    return lambda exchange: _first_present(_response_field(exchange, name) for name in names)


def _start_time(argument: str) -> OperatorFunction:
    render = time_format(argument)
    return lambda exchange: render(_nanoseconds(exchange.started_at))


def _end_time(argument: str) -> OperatorFunction:
    render = time_format(argument)

    def end(exchange: Exchange) -> Value:
        if not exchange.ended:
            return None
        return render(_nanoseconds(exchange.started_at + exchange.ended - exchange.started))

    return end


def _metadata(argument: str) -> OperatorFunction:
    if argument == CORRELATION_ID:
        return lambda exchange: exchange.correlation_id or None
    return _missing


def _environment(argument: str) -> OperatorFunction:
    if argument == "ENGINE_VERSION":
        return lambda _exchange: __version__
    raw = os.environ.get(argument)
    value = None if raw is None else raw.encode("utf-8", "replace").decode()
    return lambda _exchange: value


def _certificate_time(moment: Callable[[Identity], datetime]) -> Callable[[str], OperatorFunction]:
    def make(argument: str) -> OperatorFunction:
        render = time_format(argument)

        def of_client(identity: Identity) -> Value:
            return render(int(moment(identity).timestamp()) * 1_000_000_000)

        return _of_client(of_client)

    return make


# Of the client's TLS connection. Each name of several is separated by commas, as with Envoy.


def _of_session(value: Callable[[TlsSession], Value]) -> OperatorFunction:
    def of_session(exchange: Exchange) -> Value:
        session = exchange.peer.tls
        return None if session is None else value(session) or None

    return of_session


def _of_client(value: Callable[[Identity], Value]) -> OperatorFunction:
    return _of_session(lambda session: None if session.client is None else value(session.client))


def _sans(kind: SanType) -> Callable[[Identity], Value]:
    return lambda identity: ",".join(identity.sans(kind))


_WITH_ARGUMENT: Final[dict[str, Callable[[str], OperatorFunction]]] = {
    "DOWNSTREAM_PEER_CERT_V_END": _certificate_time(lambda identity: identity.not_after),
    "DOWNSTREAM_PEER_CERT_V_START": _certificate_time(lambda identity: identity.not_before),
    "DYNAMIC_METADATA": _metadata,
    "END_TIME": _end_time,
    "ENVIRONMENT": _environment,
    "REQ": _request_header,
    "REQ_WITHOUT_QUERY": _request_header_without_query,
    "RESP": _response_header,
    "START_TIME": _start_time,
}


def _first_present(values: Iterable[str | None]) -> Value:
    return next((value for value in values if value is not None), None)


def _request_field(exchange: Exchange, name: str) -> str | None:
    match name:
        case ":method":
            return exchange.method or None
        case ":path":
            return exchange.target.raw.decode("latin-1") or None
        case ":authority":
            return header_text(exchange.target.authority) or None
        case ":scheme":
            return exchange.peer.scheme.decode()
        case "x-request-id":
            return exchange.request_id  # what the application is sent, whatever the client sent
        case _:
            return _header(exchange.request_headers, name)


def _response_field(exchange: Exchange, name: str) -> str | None:
    if name == ":status":
        return str(exchange.status) if exchange.status else None
    return _header(exchange.response_headers, name)


def _header(headers: Headers, name: str) -> str | None:
    """The values of a header, joined (RFC 9110 section 5.3)."""
    wanted = name.encode()
    values = [value for each, value in headers if each == wanted]
    return header_text(b", ".join(values)) if values else None


# Operators without an argument.


def _remote_address(exchange: Exchange) -> Value:
    """An address from a header has no port: 0, as with Envoy."""
    port = exchange.peer.port if exchange.client == exchange.peer.address else 0
    return _address(exchange.client, port)


def _remote_port(exchange: Exchange) -> Value:
    return exchange.peer.port if exchange.client == exchange.peer.address else 0


def _upstream(exchange: Exchange) -> Value:
    return exchange.upstream if exchange.forwarded else None


def _upstream_address(exchange: Exchange) -> Value:
    return exchange.upstream.rpartition(":")[0].strip("[]") if exchange.forwarded else None


def _upstream_port(exchange: Exchange) -> Value:
    return int(exchange.upstream.rpartition(":")[2]) if exchange.forwarded else None


def _duration(exchange: Exchange) -> Value:
    return int((exchange.ended - exchange.started) * 1e3) if exchange.ended else None


def _duration_in_nanoseconds(exchange: Exchange) -> Value:
    return int((exchange.ended - exchange.started) * 1e9) if exchange.ended else None


def _response_duration(exchange: Exchange) -> Value:
    return int((exchange.answered - exchange.started) * 1e3) if exchange.answered else None


def _response_sending(exchange: Exchange) -> Value:
    if not exchange.answered or not exchange.ended:
        return None
    return int((exchange.ended - exchange.answered) * 1e3)


def _details(exchange: Exchange) -> Value:
    if exchange.blocked_by is not None:
        return f"airlock_request_blocked_{block_type(exchange.blocked_by)}"
    if exchange.details:
        return exchange.details.replace(" ", "_")
    return "via_upstream" if exchange.answered else None


#: Envoy's short response flags, by how details begin.
_FLAGS: Final = (
    ("no_route", "NR"),
    ("upstream_connect_", "UF"),
    ("upstream_connection_closed", "UC"),
    ("upstream_protocol_error", "UPE"),
    ("upstream_response_timeout", "UT"),
    ("client_closed_connection", "DC"),
)


def _flags(exchange: Exchange) -> Value:
    for beginning, flag in _FLAGS:
        if exchange.details.startswith(beginning):
            return flag
    return None


def _event_type(exchange: Exchange) -> Value:
    """ECS categorisation."""
    return ["access", "denied" if exchange.blocked_by is not None else "allowed"]


def _block_action(exchange: Exchange) -> Value:
    cause = exchange.blocked_by
    if cause is None:
        return None
    return {
        "block_type": str(block_type(cause)),
        "block_subtype": block_subtype(cause),
        "details": threat_line(cause),
    }


def _log_only_actions(exchange: Exchange) -> Value:
    return [threat_line(each) for each in exchange.threats if each is not exchange.blocked_by] or None


def _threats_of(kind: BlockType) -> OperatorFunction:
    def threats(exchange: Exchange) -> Value:
        found: list[Threat] = [each for each in exchange.threats if block_type(each) is kind]
        return {"matches": [threat_line(each) for each in found]} if found else None

    return threats


def _header_rewrites(exchange: Exchange) -> Value:
    if not exchange.header_actions:
        return None
    by_direction: dict[str, list[dict[str, str]]] = {}
    for direction, group, action, header in exchange.header_actions:
        by_direction.setdefault(direction, []).append({"group": group, "action": action, "header": header})
    return by_direction


def _media_type(value: str | None) -> Value:
    return value.partition(";")[0].strip().lower() if value else None


def _hostname(_exchange: Exchange) -> Value:
    return socket.gethostname()


def _functions() -> dict[str, OperatorFunction]:
    return {
        "BLOCK_ACTION": _block_action,
        "BYTES_RECEIVED": lambda exchange: exchange.request_body_bytes,
        "BYTES_SENT": lambda exchange: exchange.response_body_bytes,
        "DENY_RULES": _threats_of(BlockType.DENY_RULES),
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": lambda exchange: _address(
            exchange.peer.address, exchange.peer.port
        ),
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": lambda exchange: exchange.peer.address,
        "DOWNSTREAM_DIRECT_REMOTE_PORT": lambda exchange: exchange.peer.port,
        "DOWNSTREAM_LOCAL_ADDRESS": lambda exchange: _address(
            exchange.peer.local_address, exchange.application.port
        ),
        "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": lambda exchange: exchange.peer.local_address,
        "DOWNSTREAM_LOCAL_DNS_SAN": _of_session(lambda session: _sans(SanType.DNS)(session.server)),
        "DOWNSTREAM_LOCAL_SUBJECT": _of_session(lambda session: session.server.subject),
        "DOWNSTREAM_LOCAL_URI_SAN": _of_session(lambda session: _sans(SanType.URI)(session.server)),
        "DOWNSTREAM_PEER_CERT": _of_client(lambda identity: identity.pem),
        "DOWNSTREAM_PEER_DNS_SAN": _of_client(_sans(SanType.DNS)),
        "DOWNSTREAM_PEER_FINGERPRINT_1": _of_client(lambda identity: identity.sha1.hex()),
        "DOWNSTREAM_PEER_FINGERPRINT_256": _of_client(lambda identity: identity.sha256.hex()),
        "DOWNSTREAM_PEER_ISSUER": _of_client(lambda identity: identity.issuer),
        "DOWNSTREAM_PEER_SERIAL": _of_client(lambda identity: identity.serial),
        "DOWNSTREAM_PEER_SUBJECT": _of_client(lambda identity: identity.subject),
        "DOWNSTREAM_PEER_URI_SAN": _of_client(_sans(SanType.URI)),
        "DOWNSTREAM_TLS_CIPHER": _of_session(lambda session: session.cipher),
        "DOWNSTREAM_TLS_VERSION": _of_session(lambda session: session.version),
        "DOWNSTREAM_LOCAL_PORT": lambda exchange: exchange.application.port,
        "DOWNSTREAM_REMOTE_ADDRESS": _remote_address,
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": lambda exchange: exchange.client,
        "DOWNSTREAM_REMOTE_PORT": _remote_port,
        "DURATION": _duration,
        "DURATION_IN_NANOSECONDS": _duration_in_nanoseconds,
        "EVENT_TYPE": _event_type,
        "HEADER_REWRITES": _header_rewrites,
        "HOSTNAME": _hostname,
        "HTTP_HOST": lambda exchange: _request_field(exchange, ":authority"),
        "HTTP_VERSION": lambda exchange: exchange.protocol.removeprefix("HTTP/"),
        "LIMITS": _threats_of(BlockType.LIMITS),
        "LOG_CORRELATION": lambda exchange: exchange.request_id,
        "LOG_ONLY_ACTIONS": _log_only_actions,
        "PARSER": _threats_of(BlockType.PARSER),
        "PROTOCOL": lambda exchange: exchange.protocol,
        "REQUESTED_SERVER_NAME": _of_session(lambda session: session.server_name),
        "REQUEST_HEADERS_AND_BODY_BYTES": lambda exchange: (
            exchange.request_head_bytes + exchange.request_body_bytes
        ),
        "REQUEST_HEADERS_BYTES": lambda exchange: exchange.request_head_bytes,
        "REQ_MIME_TYPE": lambda exchange: _media_type(_header(exchange.request_headers, "content-type")),
        "RESPONSE_CODE": lambda exchange: exchange.status,
        "RESPONSE_CODE_DETAILS": _details,
        "RESPONSE_DURATION": _response_duration,
        "RESPONSE_FLAGS": _flags,
        "RESPONSE_HEADERS_AND_BODY_BYTES": lambda exchange: (
            exchange.response_head_bytes + exchange.response_body_bytes
        ),
        "RESPONSE_HEADERS_BYTES": lambda exchange: exchange.response_head_bytes,
        "RESPONSE_TX_DURATION": _response_sending,
        "RESP_MIME_TYPE": lambda exchange: _media_type(_header(exchange.response_headers, "content-type")),
        "STREAM_ID": lambda exchange: exchange.request_id,
        "SUMMARY_ACTION": lambda exchange: exchange.outcome.value,
        "UPSTREAM_CLUSTER": lambda exchange: f"upstream_{exchange.application.port}",
        "UPSTREAM_HOST": _upstream,
        "UPSTREAM_HTTP_VERSION": lambda exchange: "1.1" if exchange.answered else None,
        "UPSTREAM_PROTOCOL": lambda exchange: "HTTP/1.1" if exchange.answered else None,
        "UPSTREAM_REMOTE_ADDRESS": _upstream,
        "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": _upstream_address,
        "UPSTREAM_REMOTE_PORT": _upstream_port,
        "UPSTREAM_REQUEST_ATTEMPT_COUNT": lambda exchange: 1 if exchange.forwarded else 0,
    }


_PLAIN: Final = _functions()


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _nanoseconds(seconds: float) -> int:
    """A clock's float is good for microseconds."""
    return int(seconds * 1e6) * 1000
