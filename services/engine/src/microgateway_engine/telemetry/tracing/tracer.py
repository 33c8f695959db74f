"""One trace's part in an exchange, from its first line to its spans."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from microgateway_engine.http.messages import Headers

from .context import NAMES, SAMPLED, NoParent, Parent, fields, parent_of
from .exporter import Exporter
from .sampling import is_sampled
from .settings import Sampler, TracingOn
from .spans import Ids, record

if TYPE_CHECKING:
    from microgateway_engine.traffic.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Trace:
    """flags: as the application gets them."""

    ids: Ids
    flags: int

    def tell(self, headers: Headers) -> None:
        """The application, in place of what the client said: its parent is the gateway's span for it."""
        headers[:] = [field for field in headers if field[0] not in NAMES]
        headers += fields(self.ids.trace, self.ids.upstream, self.flags, self.ids.state)


class Tracer:
    """Of one process. sent, dropped: spans."""

    def __init__(self, settings: TracingOn, version: str) -> None:
        self._sampler = settings.sampler
        self._exporter = Exporter(settings, version)

    @property
    def sent(self) -> int:
        return self._exporter.sent

    @property
    def dropped(self) -> int:
        return self._exporter.dropped

    def begin(self, headers: Headers) -> Trace:
        """headers: of the request."""
        return begin(self._sampler, headers)

    def end(self, trace: Trace, exchange: Exchange) -> None:
        """The exchange is over."""
        if trace.flags & SAMPLED:
            self._exporter.put(record(trace.ids, exchange))

    def close(self) -> None:
        self._exporter.close()


def begin(sampler: Sampler, headers: Headers) -> Trace:
    """The client's trace goes on, or one begins. headers: of the request."""
    parent = parent_of(headers)
    # Three spans and, unless there is one, a trace. No secret: whoever sees a trace sees its ids.
    bits = f"{random.getrandbits(320):080x}"
    request, inspection, upstream = bits[:16], bits[16:32], bits[32:48]
    match parent:
        case Parent(trace, span, _, state):
            ids = Ids(trace, span, request, inspection, upstream, state)
        case NoParent():
            ids = Ids(bits[48:], "", request, inspection, upstream, "")
        case _:
            assert_never(parent)
    return Trace(ids, SAMPLED if is_sampled(sampler, ids.trace, parent) else 0)
