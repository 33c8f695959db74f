"""Exchange: one request and its response, without I/O and whatever the HTTP version on either side.

The relay feeds message values and does what the returned action says:

    begin()                       Reply: the gateway answers itself · Forward: the application gets it
    request_data, request_end     · Hold: an inspector needs the body first · PassOn: what came goes on
    response_head, response_data, response_end      what the client gets of the application's response
    fail(status, details)                           Reply, or CutOff when a response has begun

It holds on to the configuration it began with: each request sees one from start to end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, assert_never

from microgateway_common.blocks import ThreatLine
from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.ir.gateway import Http1Protocol, Http2Protocol, Protocol
from microgateway_common.ir.tls import Xfcc
from microgateway_engine.config.runtime import ApplicationRuntime, Protection
from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import (
    NO_BODY,
    STREAMED,
    FirstValues,
    Framing,
    Headers,
    Length,
    NoBody,
    RequestHead,
    ResponseHead,
    Trailers,
    Version,
    first_values,
)
from microgateway_engine.http.targets import Target, request_target
from microgateway_engine.http1.websocket import ACCEPT, KEY, is_agreed, new_key, requested_key
from microgateway_engine.telemetry.operators import ExchangeContext
from microgateway_engine.tls.session import TlsSession
from microgateway_engine.tls.xfcc import forwarded
from microgateway_inspection.header_rewrites import Rewriter
from microgateway_inspection.plans import BufferBody, StreamBody
from microgateway_inspection.request import Request
from microgateway_inspection.verdict import Block, Threat, Verdict

from .actions import CUT_OFF, HOLD, PASS_ON, Action, CutOff, Forward
from .forwarding import (
    REQUEST_DROPPED,
    add_forwarding,
    end_to_end,
    end_to_end_trailers,
    set_client_certificate,
)
from .identifiers import correlation_id, request_id
from .outcome import Outcome
from .replies import Reply, reply

if TYPE_CHECKING:
    from microgateway_engine.telemetry.tracing.tracer import Trace

#: `application/grpc`, `application/grpc+proto`, `application/grpc-web`.
_GRPC: Final = "application/grpc"
#: Of the client's handshake, when the gateway makes one of its own.
_TUNNEL_DROPPED: Final = REQUEST_DROPPED | {KEY}
#: Framings of a body whose length a response may tell.
_SIZED: Final = (NoBody, Length)
_NO_TARGET: Final = Target("", b"", b"", b"")


@dataclass(frozen=True, slots=True)
class Peer:
    """Both ends of the client's connection: addresses as text. scheme: `http`, or `https` over TLS. tls: None
    for cleartext."""

    address: str
    port: int
    local_address: str
    local_port: int
    scheme: bytes = b"http"
    tls: TlsSession | None = None


def allows_connect(protocol: Protocol) -> bool:
    """Whether HTTP/2 on this side may carry tunnels (CRD SidecarGateway `allowConnect`)."""
    return not isinstance(protocol, Http1Protocol) and protocol.allow_connect


class Stage(Enum):
    """OPEN → HOLDING → FORWARDED → RELAYING → CLOSED; some are skipped, none is returned to."""

    OPEN = auto()
    HOLDING = auto()
    FORWARDED = auto()
    RELAYING = auto()
    CLOSED = auto()


class Exchange:
    """Class attributes are the values before anything happened; times are `perf_counter` seconds.

    malformed: the request breaks the protocol; in HTTP/1.1 nothing after it can be trusted.
    details: why the gateway answered itself or the exchange failed, `upstream_connect_failure`; bounded.
    expects_continue: the client waits for a 100 before it sends the body.
    opens_tunnel: see RequestHead.
    threats: everything inspection saw; blocked_by: the one that decided. threat_lines: as log and block event
    tell them, once somebody has asked (`telemetry.threats`).
    request_first, response_first: what the heads say, by name.
    header_actions: (direction, group, action, header) of each rewrite, in integration mode.
    """

    details = ""
    malformed = False
    request_complete = False
    request_id = ""
    correlation_id = ""
    method = ""
    target = _NO_TARGET
    client = ""
    upstream = ""
    status = 0
    request_head_bytes = 0
    request_body_bytes = 0
    response_head_bytes = 0
    response_body_bytes = 0
    threats: tuple[Threat, ...] = ()
    threat_lines: tuple[ThreatLine, ...] = ()
    blocked_by: Threat | None = None
    inspection_seconds = 0.0
    forwarded = 0.0
    answered = 0.0
    ended = 0.0
    expects_continue = False
    request_trailers: Trailers = ()
    protection: Protection | None = None
    trace: Trace | None = None
    _websocket_key = b""
    _limit: int | None = None
    _limit_noted = False
    _streams_unlimited = False

    def __init__(self, application: ApplicationRuntime, peer: Peer, head: RequestHead) -> None:
        self.application = application
        self.peer = peer
        self.stage = Stage.OPEN
        self.outcome = Outcome.FORWARDED
        self.started_at = time.time()
        self.started = time.perf_counter()
        self.client = peer.address
        self.method = head.method
        self.protocol: Version = head.version
        self.opens_tunnel = head.opens_tunnel
        self.request_headers = head.headers
        self.request_first = head.first
        self.request_head_bytes = head.size
        if head.framing is NO_BODY:
            self.request_complete = True
        self.request_id = request_id(application.telemetry, head.headers)
        self.correlation_id = correlation_id(application.telemetry, head.headers)
        self.response_headers: Headers = []
        self.response_first: FirstValues = {}
        self.header_actions: list[tuple[str, str, str, str]] = []
        self._head = head
        self._held: list[bytes] = []

    # The request: from the client to the application.

    def begin(self) -> Action:
        """Judge the head. Raises nothing: whatever is wrong becomes a Reply."""
        head, application = self._head, self.application
        try:
            self.target = request_target(head, application.normalize_path, application.merge_slashes)
        except ProtocolError as error:
            return self.refuse_malformed(error)
        client = application.client_address(head.headers, self.peer.address)
        if client is None:
            return self.refuse(403, "no_client_address")
        self.client = client
        path = self.target.path
        route = application.route("/" if path == "*" else path)  # RFC 9110 section 9.3.7: of no resource
        if route is None:
            return self.refuse(404, "no_route")
        if self.opens_tunnel and (refusal := self._refuse_tunnel()):
            return refusal
        bodiless = self.request_complete or self.opens_tunnel
        if not bodiless and b"expect" in head.first:
            self.expects_continue = head.version != "HTTP/1.0"  # RFC 9110 section 10.1.1
        self._request = Request(head.method, self.target.path, self.target.query, head.headers, client)
        self.protection = protection = route.protection
        if protection is None:
            return self._forward_head(b"")
        if bodiless:
            return self._judge(self._inspect(protection, None), b"")
        return self._plan_body(protection, head)

    def request_data(self, data: bytes) -> Action:
        """A piece of the body."""
        self.request_body_bytes += len(data)
        holding = self.stage is Stage.HOLDING
        if holding:
            self._held.append(data)
        if self._limit is None or self.request_body_bytes <= self._limit:
            return HOLD if holding else PASS_ON
        refusal = self._over_limit(self.request_body_bytes)
        if refusal is not None:
            return refusal
        return self._release_held() if holding else PASS_ON

    def request_end(self, trailers: Trailers = ()) -> Action:
        """The client has sent the whole body. What goes on with PassOn is the end with `request_trailers`:
        trailers are judged as header fields are, for there are applications that treat them alike."""
        self.request_complete = True
        if self.stage is Stage.HOLDING:
            assert self.protection is not None
            body = b"".join(self._held)
            self._held = []
            return self._judge(self._inspect(self.protection, body), body)
        if self._streams_unlimited:
            assert self.protection is not None
            self.protection.policy.streamed(self._request, self.request_body_bytes)
        return self._judge_trailers(trailers) if trailers else PASS_ON

    def refuse(self, status: int, details: str) -> Reply | CutOff:
        """Answer the request with an error of the gateway's own."""
        return self._reply(status, details, Outcome.REFUSED)

    def refuse_malformed(self, error: ProtocolError) -> Reply | CutOff:
        self.malformed = True
        return self.refuse(error.status, error.reason)

    def fail(self, status: int, details: str) -> Reply | CutOff:
        """The application does not answer, or its response breaks off."""
        return self._reply(status, details, Outcome.FAILED)

    def abandon(self) -> None:
        """The client is gone."""
        if self.stage is not Stage.CLOSED:
            self.outcome = Outcome.CLIENT_GONE
            self.details = "client_closed_connection"
            self._close()

    # The response: from the application to the client.

    def response_head(self, head: ResponseHead) -> Headers:
        """Fields of a final response, with its content-length where one is known."""
        self.stage = Stage.RELAYING
        self.answered = time.perf_counter()
        self.status = head.status
        self.response_headers = head.headers
        self.response_first = first = head.first
        self.response_head_bytes = head.size
        fields = end_to_end(head.headers, head.connection)
        protection = self.protection
        if protection is not None:
            fields = self._rewrite("response", protection.response_headers, fields, protection)
        length = first.get(b"content-length")
        if length is not None and isinstance(head.framing, _SIZED) and head.status != 204:
            fields.append((b"content-length", length))  # not with 204 (RFC 9110 section 8.6)
        return fields

    @property
    def asks_for_upgrade(self) -> bool:
        """The application is asked for WebSocket."""
        return bool(self._websocket_key)

    def upgraded(self, head: ResponseHead) -> Headers | Reply | CutOff:
        """The application answers 101, or 2xx to an extended CONNECT. Fields for the client, when it was
        asked to and says so properly."""
        if head.status == 101 and not is_agreed(self._websocket_key, head.headers):
            return self.fail(502, "upstream_protocol_error: a change of protocol that was not agreed on")
        if self.opens_tunnel:
            fields = [field for field in head.headers if field[0] != ACCEPT]
            first = first_values(fields)
            head = ResponseHead(200, b"", fields, first, STREAMED, True, head.size, head.connection)
        return self.response_head(head)

    def tunnel_ended(self) -> None:
        """The other protocol is over as well."""
        self._close()

    def response_data(self, data: bytes) -> None:
        """A piece of the body; it goes to the client as it is."""
        self.response_body_bytes += len(data)

    def response_end(self, trailers: Trailers = ()) -> Trailers:
        """The response is whole. Trailers for the client, if it can carry any."""
        self._close()
        if not trailers:
            return ()
        fields = end_to_end_trailers(trailers)
        if self.protection is not None:
            kept = self.protection.response_headers.apply(fields, self._request, ExchangeContext(self))
            fields = [field for field in fields if field in kept]
        return tuple(fields)

    # How the request is judged.

    def _refuse_tunnel(self) -> Reply | CutOff | None:
        """A client may still ask for what a configuration before this one allowed."""
        if not allows_connect(self.application.protocol):
            return self.refuse(501, "connect_not_allowed")
        upstream = self.application.upstream_protocol
        if isinstance(upstream, Http2Protocol) and not upstream.allow_connect:
            return self.refuse(501, "upstream_connect_not_allowed")
        return None

    def _plan_body(self, protection: Protection, head: RequestHead) -> Action:
        plan = protection.policy.plan_body(self._request)
        self._plan = plan
        if isinstance(plan, StreamBody) and self._request.media_type.startswith(_GRPC):
            # A call may last and say as much as it wants; CRD Limits `general.bodySize` is not for it.
            return self._judge(self._inspect(protection, None), b"")
        self._limit = plan.limit
        if isinstance(head.framing, Length) and plan.limit is not None and head.framing.size > plan.limit:
            refusal = self._over_limit(head.framing.size)
            if refusal is not None:
                return refusal
            self._limit = plan.limit  # log-only: what fits is still held and inspected
        match plan:
            case StreamBody():
                self._streams_unlimited = plan.limit is None
                return self._judge(self._inspect(protection, None), b"")
            case BufferBody():
                self.stage = Stage.HOLDING
                return HOLD
            case _:
                assert_never(plan)

    def _over_limit(self, measured: int) -> Reply | CutOff | None:
        """Note once that the body is too large: a Reply when that blocks, None when it is only logged."""
        assert self.protection is not None
        self._limit = None
        if self._limit_noted:
            return None
        self._limit_noted = True
        threat = self.protection.policy.body_too_large(self._request, self._plan, measured)
        self.threats = (*self.threats, threat)
        if threat.handling is ThreatHandling.LOG_ONLY:
            return None
        return self._block(threat)

    def _release_held(self) -> Action:
        """Log-only and over the limit: what was held is inspected as far as it goes, the rest streams."""
        assert self.protection is not None
        prefix = b"".join(self._held)
        self._held = []
        started = time.perf_counter()
        verdict = self.protection.policy.inspect_prefix(self._request, prefix)
        self.inspection_seconds += time.perf_counter() - started
        return self._judge(verdict, prefix)

    def _inspect(self, protection: Protection, body: bytes | None) -> Verdict:
        started = time.perf_counter()
        verdict = protection.policy.inspect(self._request, body)
        self.inspection_seconds += time.perf_counter() - started
        return verdict

    def _judge(self, verdict: Verdict, body: bytes) -> Action:
        if verdict.threats:
            self.threats = (*self.threats, *verdict.threats)
        if isinstance(verdict, Block):
            return self._block(verdict.cause)
        return self._forward_head(body)

    def _judge_trailers(self, trailers: Trailers) -> Action:
        fields = end_to_end_trailers(trailers)
        protection = self.protection
        if protection is not None:
            request = self._request
            alone = Request(request.method, request.path, b"", fields, request.remote_ip)
            verdict = protection.policy.inspect(alone, None)
            self.threats = (*self.threats, *verdict.threats)
            if isinstance(verdict, Block):
                return self._block(verdict.cause)
            kept = protection.request_headers.apply(fields, request, ExchangeContext(self))
            fields = [field for field in fields if field in kept]
        self.request_trailers = tuple(fields)
        return PASS_ON

    def _block(self, cause: Threat) -> Reply | CutOff:
        self.blocked_by = cause
        return self._reply(400, "blocked", Outcome.BLOCKED)

    def _reply(self, status: int, details: str, outcome: Outcome) -> Reply | CutOff:
        begun = self.stage is Stage.RELAYING
        self.details = details
        self.outcome = outcome
        self.expects_continue = False
        self._close()
        if begun:
            return CUT_OFF
        self.status = status
        accept = self.request_first.get(b"accept", b"")
        answer = reply(status, self.request_id, accept, self.method == "HEAD")
        self.response_body_bytes = len(answer.body)
        return answer

    def _close(self) -> None:
        self.stage = Stage.CLOSED
        self.ended = time.perf_counter()

    def _forward_head(self, body: bytes) -> Forward:
        """The head, and with it what was held of the body."""
        held = self.stage is Stage.HOLDING
        self.stage = Stage.FORWARDED
        self.forwarded = time.perf_counter()
        head = self._head
        dropped = _TUNNEL_DROPPED if self.opens_tunnel else REQUEST_DROPPED
        fields = end_to_end(head.headers, head.connection, dropped)
        protection = self.protection
        if protection is not None:
            fields = self._rewrite("request", protection.request_headers, fields, protection)
        if (xfcc := self.application.xfcc) is not Xfcc.SANITIZE:
            set_client_certificate(fields, forwarded(xfcc, head.headers, self.peer.tls))
        peer = self.peer
        add_forwarding(fields, peer.address, peer.scheme, self.request_id)
        if self.trace is not None:
            self.trace.tell(fields)
        framing: Framing = head.framing
        key = b""
        if self.opens_tunnel:
            framing = NO_BODY
            self._websocket_key = key = new_key()
        elif b"upgrade" in head.first:
            self._websocket_key = requested_key(head)
        if held and self.request_complete:
            # A body that came in chunks and was held goes on with its length.
            framing = Length(len(body))
            fields.append((b"content-length", b"%d" % len(body)))
        elif (length := head.first.get(b"content-length")) is not None:
            fields.append((b"content-length", length))
        target = self.target
        return Forward(
            head.method,
            target.raw,
            target.authority,
            peer.scheme,
            fields,
            framing,
            body,
            self.request_complete,
            upgrade=bool(self._websocket_key),
            websocket_key=key,
        )

    def _rewrite(
        self, direction: str, rewriter: Rewriter, fields: Headers, protection: Protection
    ) -> Headers:
        if not protection.record_rewrites:
            return rewriter.apply(fields, self._request, ExchangeContext(self))
        fields, actions = rewriter.apply_recorded(fields, self._request, ExchangeContext(self))
        self.header_actions += [(direction, each.group, each.action, each.header) for each in actions]
        return fields
