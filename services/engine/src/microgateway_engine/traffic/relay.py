"""Relay: one exchange between a client stream and an application stream.

It takes the client's request events and the application's response events, asks the exchange what they
mean, and does that: finds a stream to the application, keeps what is unsent while that connects, sends
again what met a dying connection, holds up the side that is faster than the other, and ends what takes
too long. HTTP versions do not show here.

    client stream ──request_data, request_end──► Relay ──send_request, send_data, send_end──► upstream stream
                  ◄──send_head, send_data, send_end──    ◄──response_events, upstream_failed──

A tunnel on a stream of HTTP/2 (RFC 8441) is an exchange whose bodies are the tunnel's bytes. None goes to the
application before that has agreed, for until then it would read them as requests:

    CLOSED ──upgraded──► OPEN ──the application has sent everything──► APPLICATION_ENDED
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import assert_never

from microgateway_common.settings import Address
from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import (
    STREAMED,
    Data,
    End,
    Headers,
    ResponseEvent,
    ResponseHead,
    Trailers,
)

from .actions import Action, CutOff, Forward, Hold, PassOn
from .exchange import Exchange, Stage
from .replies import Reply
from .sides import Attempt, ClientStream, Processed, Surroundings, UpstreamStream
from .tunnel import Switched

#: Bytes of a request that may wait until the application's connection is there.
MAX_UNSENT = 64 * 1024

#: Methods whose request may be sent again when a kept connection turns out to be closed
#: (RFC 9110 section 9.2.2).
_IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))


class TunnelState(Enum):
    """Whether bytes go both ways."""

    CLOSED = auto()
    OPEN = auto()
    APPLICATION_ENDED = auto()


class Relay:
    """over: nothing more will happen. on_upgrade: takes over when the protocol changes, with reason and
    fields of the 101 and the application's connection; None for clients that cannot ask for that."""

    def __init__(
        self, surroundings: Surroundings, client: ClientStream, exchange: Exchange, target: Address
    ) -> None:
        self._surroundings = surroundings
        self._client = client
        self.exchange = exchange
        self._target = target
        self.over = False
        self.tunnel = TunnelState.CLOSED
        self.on_upgrade: Callable[[bytes, Headers, Switched], None] | None = None
        self._upstream: UpstreamStream | None = None
        self._connecting: Attempt | None = None
        #: What was sent or is to be sent, as long as it is all there is and could be sent again.
        self._request: Forward | None = None
        self._sent_again = False
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0

    # Called by the client's side

    def begin(self) -> None:
        """Judge the head and do what follows from it."""
        exchange = self.exchange
        limit = exchange.application.request_timeout
        self._client.deadline = self._surroundings.loop.time() + limit if limit else 0.0
        if (tracer := self._surroundings.tracer) is not None:
            exchange.trace = tracer.begin(exchange.request_headers)
        action = exchange.begin()
        if exchange.expects_continue:
            self._client.send_continue()
        self._perform(action)
        if (exchange.request_complete or exchange.opens_tunnel) and not self.over:
            self._await_response()

    def request_data(self, data: bytes) -> None:
        action = self.exchange.request_data(data)
        if isinstance(action, PassOn):
            self._send(data)
        else:
            self._perform(action)

    def request_end(self, trailers: Trailers = ()) -> None:
        exchange = self.exchange
        action = exchange.request_end(trailers)
        if exchange.opens_tunnel:
            self._tunnel_request_end()
            return
        if not isinstance(action, PassOn):
            self._perform(action)
        elif self._upstream is not None:
            if self._request is not None:
                self._request.complete = True
                self._request.trailers = exchange.request_trailers
            self._upstream.send_end(exchange.request_trailers)
        elif self._request is not None:
            self._request.complete = True
            self._request.trailers = exchange.request_trailers
        if not self.over:
            self._await_response()

    def refuse_malformed(self, error: ProtocolError) -> None:
        """What comes from the client is not, or no longer, a request."""
        exchange = self.exchange
        if exchange.stage in (Stage.OPEN, Stage.HOLDING):
            self._perform(exchange.refuse_malformed(error))
        else:
            self._perform(exchange.fail(error.status, error.reason))

    def pause_response(self) -> None:
        """The client takes no more at the moment."""
        if self._upstream is not None:
            self._upstream.pause_reading()

    def resume_response(self) -> None:
        if self._upstream is not None:
            self._upstream.resume_reading()

    def expire(self) -> None:
        """The deadline has passed."""
        exchange = self.exchange
        if self.tunnel is not TunnelState.CLOSED:
            self.close_tunnel("tunnel_idle_timeout")
        elif self._waits_for_client(exchange):
            self._perform(exchange.refuse(408, "request_timeout"))
        else:
            reason = "upstream_response_timeout" if exchange.forwarded else "request_timeout"
            self._perform(exchange.fail(504, reason))

    def abandon(self) -> None:
        """The client is gone."""
        self.over = True
        self._drop_upstream()
        if self.tunnel is TunnelState.CLOSED:
            self.exchange.abandon()
        else:
            self.exchange.tunnel_ended()
        self._surroundings.finished(self.exchange)

    def close_tunnel(self, details: str = "") -> None:
        """End both halves."""
        self.exchange.details = details
        if self.tunnel is TunnelState.OPEN:
            self._client.send_end(())
            self._client.flush()
        self.exchange.tunnel_ended()
        self._finish(response_complete=True)

    # Called by the application's side

    def upstream_connected(self, upstream: UpstreamStream) -> None:
        self._connecting = None
        request = self._request
        assert request is not None
        if self._unsent and not request.upgrade:
            request.body = b"".join((request.body, *self._unsent))
            self._unsent = []
            self._unsent_bytes = 0
        self._use(upstream, request)
        if not upstream.writing_paused and not request.upgrade:
            self._client.resume_reading()

    def upstream_failed(self, status: int, details: str, processed: Processed) -> None:
        """No connection, or it broke. status: 502, 503 or 504."""
        self._upstream = None
        self._connecting = None
        if self.tunnel is TunnelState.APPLICATION_ENDED:
            self.close_tunnel()
        elif self._may_be_sent_again(processed):
            self._sent_again = True
            exchange = self.exchange
            self._connecting = self._surroundings.pool.connect(exchange.application, self._target, self)
        else:
            self._perform(self.exchange.fail(status, details))

    def response_events(self, events: list[ResponseEvent]) -> None:
        """What came in one read."""
        exchange = self.exchange
        client = self._client
        self._request = None
        if self.tunnel is not TunnelState.CLOSED:
            self._tunnel_events(events)
            return
        if exchange.opens_tunnel and _is_success(events[0]):
            # The client would take it for the beginning of its tunnel.
            self._perform(
                exchange.fail(502, "upstream_protocol_error: a success without the tunnel asked for")
            )
            return
        ended = False
        # Class patterns look attributes up by name each time, which shows here.
        for event in events:
            if isinstance(event, Data):
                exchange.response_data(event.data)
                client.send_data(event.data)
            elif isinstance(event, ResponseHead):
                client.send_head(event.status, event.reason, exchange.response_head(event), event.framing)
            else:
                client.send_end(exchange.response_end(event.trailers))
                ended = True
        client.flush()
        if ended:
            self._finish(response_complete=True)

    def tunnel_agreed(self, head: ResponseHead, upstream: UpstreamStream) -> None:
        """The application opens the tunnel that the client wants on its stream."""
        exchange = self.exchange
        fields = exchange.upgraded(head)
        if isinstance(fields, (Reply, CutOff)):
            self._perform(fields)
            return
        self._request = None
        self.tunnel = TunnelState.OPEN
        self._client.send_head(200, b"", fields, STREAMED)
        self._client.flush()
        self._touch()
        unsent, self._unsent = self._unsent, []
        for data in unsent:
            upstream.send_data(data)
        if exchange.request_complete:
            upstream.send_end(())
        elif not upstream.writing_paused:
            self._client.resume_reading()

    def upgraded(self, head: ResponseHead, upstream: Switched) -> None:
        """The application changes the protocol of its connection."""
        fields = self.exchange.upgraded(head)
        if isinstance(fields, (Reply, CutOff)):
            self._perform(fields)
            return
        self.over = True
        self._upstream = None
        self._request = None
        assert self.on_upgrade is not None
        self.on_upgrade(head.reason, fields, upstream)

    def pause_request(self) -> None:
        """The application takes no more at the moment."""
        self._client.pause_reading()

    def resume_request(self) -> None:
        self._client.resume_reading()

    # Doing what the exchange says

    def _perform(self, action: Action) -> None:
        match action:
            case Forward():
                self._start(action)
            case Hold() | PassOn():
                pass
            case Reply():
                client = self._client
                self.exchange.response_head_bytes = client.send_reply(action)
                client.flush()
                self._finish(response_complete=True)
            case CutOff():
                self._finish(response_complete=False)
            case _:
                assert_never(action)

    def _start(self, request: Forward) -> None:
        self._request = request
        pool = self._surroundings.pool
        application = self.exchange.application
        upstream = pool.take(application, self._target, self)
        if upstream is None:
            self._connecting = pool.connect(application, self._target, self)
        else:
            self._use(upstream, request)

    def _use(self, upstream: UpstreamStream, request: Forward) -> None:
        self._upstream = upstream
        if self._client.writing_paused:
            upstream.pause_reading()
        upstream.send_request(request)

    def _send(self, data: bytes) -> None:
        """A piece of the body."""
        upstream = self._upstream
        if self.tunnel is not TunnelState.CLOSED:
            self._touch()
        if upstream is not None and not self._before_tunnel:
            self._request = None  # it was more than what could be sent again
            upstream.send_data(data)
        else:
            self._unsent.append(data)
            self._unsent_bytes += len(data)
            if self._unsent_bytes > MAX_UNSENT:
                self._client.pause_reading()

    def _may_be_sent_again(self, processed: Processed) -> bool:
        if self._request is None or self._sent_again:
            return False
        match processed:
            case Processed.NO:
                return True
            case Processed.HARDLY:
                return self._request.complete and self._request.method in _IDEMPOTENT
            case Processed.PERHAPS:
                return False
            case _:
                assert_never(processed)

    # Tunnels

    @property
    def _before_tunnel(self) -> bool:
        return self.exchange.opens_tunnel and self.tunnel is TunnelState.CLOSED

    def _tunnel_request_end(self) -> None:
        """The client has sent everything."""
        match self.tunnel:
            case TunnelState.CLOSED:
                pass  # said when it opens
            case TunnelState.OPEN:
                assert self._upstream is not None
                self._touch()
                self._upstream.send_end(())
            case TunnelState.APPLICATION_ENDED:
                if self._upstream is not None:
                    self._upstream.send_end(())
                self.close_tunnel()

    def _tunnel_events(self, events: list[ResponseEvent]) -> None:
        client, exchange = self._client, self.exchange
        self._touch()
        for event in events:
            match event:
                case Data(data):
                    exchange.response_data(data)
                    client.send_data(data)
                case End():
                    client.send_end(())
                    self.tunnel = TunnelState.APPLICATION_ENDED
                case ResponseHead():
                    raise AssertionError("a head within a tunnel")
        client.flush()
        if self.tunnel is TunnelState.APPLICATION_ENDED and exchange.request_complete:
            self.close_tunnel()

    def _touch(self) -> None:
        """A tunnel lives as long as somebody speaks."""
        limit = self.exchange.application.idle_timeout
        self._client.deadline = self._surroundings.loop.time() + limit if limit else 0.0

    # Deadlines and the end

    def _await_response(self) -> None:
        limit = self.exchange.application.upstream_timeout
        if limit:
            client = self._client
            deadline = self._surroundings.loop.time() + limit
            client.deadline = min(client.deadline, deadline) if client.deadline else deadline

    def _waits_for_client(self, exchange: Exchange) -> bool:
        """The client still sends, and nothing but the client holds that up."""
        return (
            not exchange.request_complete
            and not exchange.opens_tunnel
            and exchange.stage is not Stage.RELAYING
            and not self._client.reading_paused
        )

    def _finish(self, response_complete: bool) -> None:
        """Log it, give back the application's stream, leave the client to go on or to close."""
        self.over = True
        exchange = self.exchange
        upstream = self._upstream
        if upstream is not None and response_complete and exchange.answered and exchange.request_complete:
            self._upstream = None
            upstream.finish()
        else:
            self._drop_upstream()
        self._request = None
        self._surroundings.finished(exchange)
        self._client.finished(response_complete)

    def _drop_upstream(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abort()


def _is_success(event: ResponseEvent) -> bool:
    return isinstance(event, ResponseHead) and 200 <= event.status < 300
