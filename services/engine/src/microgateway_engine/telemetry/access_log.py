"""The access log: one JSON line per request, ECS 8.5 with the `airlock.*` fields.

The structs below are the line, member by member; what is UNSET is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, assert_never

import msgspec
from msgspec import UNSET, Struct, UnsetType

from microgateway_common.blocks import ThreatLine
from microgateway_common.ir.telemetry import CustomAccessLog, DefaultAccessLog, Telemetry
from microgateway_inspection.masking import masked, masked_path
from microgateway_inspection.verdict import Threat

from .custom_access_log import custom_line_format
from .threats import threat_lines

if TYPE_CHECKING:
    from microgateway_engine.tls.session import TlsSession
    from microgateway_engine.traffic.exchange import Exchange

#: Longest value of a client's that a line takes over.
MAX_TEXT = 1024

Text = str | UnsetType


class Ecs(Struct, frozen=True):
    version: str = "8.5"


class Log(Struct, frozen=True):
    logger: str = "access"


class Service(Struct, frozen=True):
    name: str = "microgateway-engine"


ECS: Final = Ecs()
LOG: Final = Log()
SERVICE: Final = Service()
KIND: Final = "event"
CATEGORY: Final = ("web",)
TYPE: Final = ("access",)


class Event(Struct, frozen=True):
    """start, end: ISO 8601; duration: nanoseconds; reason: why the gateway answered itself."""

    outcome: str
    start: str
    end: str
    duration: int
    reason: Text = UNSET
    kind: str = KIND
    category: tuple[str, ...] = CATEGORY
    type: tuple[str, ...] = TYPE
    module: str = "microgateway"
    dataset: str = "envoy.access"


class Body(Struct, frozen=True):
    bytes: int


class HttpRequest(Struct, frozen=True):
    id: str
    method: str
    bytes: int
    body: Body
    mime_type: Text = UNSET
    referrer: Text = UNSET


class HttpResponse(Struct, frozen=True):
    status_code: int
    bytes: int
    body: Body
    mime_type: Text = UNSET


class Http(Struct, frozen=True):
    version: str
    request: HttpRequest
    response: HttpResponse


class Url(Struct, frozen=True):
    path: str
    domain: Text = UNSET


class Network(Struct, frozen=True):
    forwarded_ip: str


class Endpoint(Struct, frozen=True):
    ip: str
    port: int


class UserAgent(Struct, frozen=True):
    original: str


class Upstream(Struct, frozen=True):
    """duration: nanoseconds from forwarding the head to the response's head."""

    address: str
    duration: int | UnsetType = UNSET


class Hash(Struct, frozen=True):
    """Upper-case hexadecimal digits, as ECS wants them."""

    sha256: str


class TlsClient(Struct, frozen=True):
    """server_name: what the client called the gateway; the rest is of its certificate."""

    server_name: Text = UNSET
    subject: Text = UNSET
    issuer: Text = UNSET
    hash: Hash | UnsetType = UNSET


class Tls(Struct, frozen=True):
    version: str
    cipher: str
    next_protocol: Text = UNSET
    client: TlsClient | UnsetType = UNSET
    resumed: bool = False
    established: bool = True
    version_protocol: str = "tls"


class AirlockRequest(Struct, frozen=True):
    correlation_id: Text = UNSET
    accept_language: Text = UNSET


class AirlockResponse(Struct, frozen=True):
    redirect_url: Text = UNSET


class AirlockHttp(Struct, frozen=True):
    request: AirlockRequest | UnsetType = UNSET
    response: AirlockResponse | UnsetType = UNSET


class BlockAction(Struct, frozen=True):
    """details: the threat that decided."""

    block_type: str
    block_subtype: str
    details: ThreatLine


class HeaderAction(Struct, frozen=True):
    group: str
    action: str
    header: str


class HeaderRewrites(Struct, frozen=True):
    request: tuple[HeaderAction, ...] | UnsetType = UNSET
    response: tuple[HeaderAction, ...] | UnsetType = UNSET


class Actions(Struct, frozen=True):
    block: BlockAction | UnsetType = UNSET
    log_only: tuple[ThreatLine, ...] | UnsetType = UNSET
    header_rewrites: HeaderRewrites | UnsetType = UNSET


class Summary(Struct, frozen=True):
    action: str


class Configuration(Struct, frozen=True):
    gateway: str
    generation: int


class Airlock(Struct, frozen=True):
    summary: Summary
    configuration: Configuration
    http: AirlockHttp | UnsetType = UNSET
    actions: Actions | UnsetType = UNSET


class AccessLine(Struct, frozen=True):
    timestamp: str = msgspec.field(name="@timestamp")
    event: Event
    http: Http
    url: Url
    source: Endpoint
    destination: Endpoint
    network: Network
    airlock: Airlock
    upstream: Upstream | UnsetType = UNSET
    tls: Tls | UnsetType = UNSET
    user_agent: UserAgent | UnsetType = UNSET
    #: While requests are traced (ECS 8.5, "Tracing Fields"): their `id`.
    trace: dict[str, str] | UnsetType = UNSET
    span: dict[str, str] | UnsetType = UNSET
    ecs: Ecs = ECS
    log: Log = LOG
    service: Service = SERVICE


_encode = msgspec.json.Encoder().encode


def default_line(exchange: Exchange) -> bytes:
    """The line of a finished exchange."""
    duration = exchange.ended - exchange.started
    start = timestamp(exchange.started_at)
    headers, response = exchange.request_first, exchange.response_first
    agent = headers.get(b"user-agent")
    line = AccessLine(
        timestamp=start,
        event=Event(
            outcome="success" if exchange.outcome.label == "forwarded" else "failure",
            start=start,
            end=timestamp(exchange.started_at + duration),
            duration=int(duration * 1e9),
            reason=exchange.details or UNSET,
        ),
        http=Http(
            version=exchange.protocol.removeprefix("HTTP/"),
            request=HttpRequest(
                id=exchange.request_id,
                method=exchange.method,
                bytes=exchange.request_head_bytes + exchange.request_body_bytes,
                body=Body(exchange.request_body_bytes),
                mime_type=_media_type(headers.get(b"content-type")),
                referrer=_referrer(headers.get(b"referer")),
            ),
            response=HttpResponse(
                status_code=exchange.status,
                bytes=exchange.response_head_bytes + exchange.response_body_bytes,
                body=Body(exchange.response_body_bytes),
                mime_type=_media_type(response.get(b"content-type")),
            ),
        ),
        url=Url(path=_masked_path(exchange.target.path[:MAX_TEXT]), domain=_text(exchange.target.authority)),
        source=Endpoint(exchange.peer.address, exchange.peer.port),
        destination=Endpoint(exchange.peer.local_address, exchange.application.port),
        network=Network(exchange.client),
        airlock=_airlock(exchange, headers, response),
        upstream=_upstream(exchange),
        tls=UNSET if exchange.peer.tls is None else _tls(exchange.peer.tls),
        user_agent=UNSET if agent is None else _user_agent(agent[:MAX_TEXT]),
        trace=UNSET if (trace := exchange.trace) is None else {"id": trace.ids.trace},
        span=UNSET if trace is None else {"id": trace.ids.request},
    )
    return _encode(line) + b"\n"


def _airlock(exchange: Exchange, headers: dict[bytes, bytes], response: dict[bytes, bytes]) -> Airlock:
    request: AirlockRequest | UnsetType = UNSET
    language = headers.get(b"accept-language")
    if language or exchange.correlation_id:
        request = AirlockRequest(exchange.correlation_id or UNSET, _text(language))
    location = response.get(b"location")
    http: AirlockHttp | UnsetType = UNSET
    if request is not UNSET or location:
        redirect = AirlockResponse(_without_query(location)) if location else UNSET
        http = AirlockHttp(request, redirect)
    runtime = exchange.application
    return Airlock(
        summary=Summary(exchange.outcome.label),
        configuration=Configuration(runtime.gateway, runtime.generation),
        http=http,
        actions=_actions(exchange) if exchange.threats or exchange.header_actions else UNSET,
    )


def _actions(exchange: Exchange) -> Actions:
    logged = list(threat_lines(exchange))
    block: BlockAction | UnsetType = UNSET
    cause: Threat | None = exchange.blocked_by
    if cause is not None:
        decided = logged.pop(exchange.threats.index(cause))
        block = BlockAction(decided.block_type, decided.block_subtype, decided)
    return Actions(
        block=block,
        log_only=tuple(logged) or UNSET,
        header_rewrites=_header_rewrites(exchange.header_actions) if exchange.header_actions else UNSET,
    )


def _header_rewrites(actions: list[tuple[str, str, str, str]]) -> HeaderRewrites:
    def of(direction: str) -> tuple[HeaderAction, ...] | UnsetType:
        return tuple(HeaderAction(*rest) for each, *rest in actions if each == direction) or UNSET

    return HeaderRewrites(of("request"), of("response"))


def _upstream(exchange: Exchange) -> Upstream | UnsetType:
    if not exchange.forwarded:
        return UNSET
    waited = int((exchange.answered - exchange.forwarded) * 1e9) if exchange.answered else UNSET
    return Upstream(exchange.upstream, waited)


def _tls(session: TlsSession) -> Tls:
    client: TlsClient | UnsetType = UNSET
    if (identity := session.client) is not None:
        client = TlsClient(
            session.server_name or UNSET,
            identity.subject[:MAX_TEXT],
            identity.issuer[:MAX_TEXT],
            Hash(identity.sha256.hex().upper()),
        )
    elif session.server_name:
        client = TlsClient(session.server_name)
    return Tls(
        session.version_number,
        session.cipher,
        session.application_protocol or UNSET,
        client,
        session.resumed,
    )


def _text(value: bytes | None) -> Text:
    return _masked(_plain(value)) if value else UNSET


def _plain(value: bytes) -> str:
    """Client's bytes as text. JSON encoding escapes what could forge another line."""
    return value[:MAX_TEXT].decode("utf-8", "replace")


def _media_type(value: bytes | None) -> Text:
    return _short_media_type(value[:MAX_TEXT]) if value else UNSET


def _referrer(value: bytes | None) -> Text:
    return _without_query(value) if value else UNSET


def _without_query(location: bytes) -> str:
    """Referrers and redirect targets carry codes and tokens in their query."""
    return _masked_path(_plain(location.partition(b"?")[0]))


# What clients send repeats. Each of at most MAX_TEXT characters.


@lru_cache(maxsize=256)
def _short_media_type(value: bytes) -> str:
    return masked(_plain(value.partition(b";")[0].strip().lower()))


@lru_cache(maxsize=1024)
def _user_agent(value: bytes) -> UserAgent:
    return UserAgent(masked(_plain(value)))


#: Masking costs as much as the rest of a line.
_masked = lru_cache(maxsize=1024)(masked)
_masked_path = lru_cache(maxsize=1024)(masked_path)


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC with microseconds."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1e6):06d}Z"


#: What makes a line of a finished exchange, with its newline.
AccessLogFormat = Callable[["Exchange"], bytes]


def access_log_format(telemetry: Telemetry) -> AccessLogFormat:
    """The format a Telemetry resource asks for. Raises ValueError when it cannot be made ready."""
    match telemetry.access_log:
        case DefaultAccessLog():
            return default_line
        case CustomAccessLog(wanted):
            return custom_line_format(wanted)
        case _:
            assert_never(telemetry.access_log)
