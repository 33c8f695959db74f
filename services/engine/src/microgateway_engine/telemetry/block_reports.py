"""Blocked requests and log-only hits as events for people: bounded in size and number, and never waited for.

A flood of attacks costs a subtraction for each request above the allowance; the access log has them all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from microgateway_common.blocks import MAX_PATH, BlockEvent, Mode, encode_event
from microgateway_common.names import PodKey
from microgateway_inspection.masking import masked, masked_path

from .threats import threat_lines

if TYPE_CHECKING:
    from microgateway_engine.traffic.exchange import Exchange

    from .metrics import Metrics

#: Events that an engine reports a second, unless it is told otherwise. More than people read.
RATE = 10.0

#: Seconds of events that it reports at once after a quiet time.
BURST = 10

#: Takes an event's bytes; False when there is no room for it.
Take = Callable[[bytes], bool]


class Allowance:
    """A token bucket. rate: events a second, 0 for none. clock: monotonic seconds."""

    def __init__(self, rate: float = RATE, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = rate * BURST
        self._clock = clock
        self._left = self._burst
        self._since = clock()

    def take(self) -> bool:
        """Whether one more is allowed."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class BlockReports:
    """What a process reports. take: where events go."""

    def __init__(self, pod: PodKey, metrics: Metrics, take: Take, allowance: Allowance) -> None:
        self._pod = pod
        self._metrics = metrics
        self._take = take
        self._allowance = allowance

    def report(self, exchange: Exchange) -> None:
        """A finished exchange with threats."""
        if not (self._allowance.take() and self._take(encode_event(block_event(exchange, self._pod)))):
            self._metrics.block_events_dropped += 1


def block_event(exchange: Exchange, pod: PodKey) -> BlockEvent:
    """The same evidence as in the access log; the threat that decided comes first."""
    lines = threat_lines(exchange)
    cause = exchange.blocked_by
    if cause is not None:
        at = exchange.threats.index(cause)
        lines = (lines[at], *lines[:at], *lines[at + 1 :])
    application = exchange.application
    return BlockEvent(
        request_id=exchange.request_id,
        time=exchange.started_at,
        pod=pod,
        gateway=application.gateway,
        generation=application.generation,
        port=application.port,
        client=exchange.client,
        method=exchange.method,
        host=masked(exchange.target.authority[:MAX_PATH].decode("utf-8", "replace")),
        # A little more than is shown, so that no secret is cut in half and missed.
        path=masked_path(exchange.target.path[: 2 * MAX_PATH]),
        mode=Mode.LOG_ONLY if cause is None else Mode.BLOCK,
        threats=lines,
    )
