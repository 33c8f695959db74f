"""What supervisor and workers say to each other.

    supervisor                        worker
    Prepare ────────────────────────► bundle → Runtime, not served yet
            ◄──────────────────────── Prepared | Refused
    Commit ─────────────────────────► serve it from now on
            ◄──────────────────────── Done
            ◄──────────────────────── Listening, when that changes
            ◄──────────────────────── Blocked, for people
    Withdraw ───────────────────────► serve nothing
            ◄──────────────────────── Done
    Count ──────────────────────────► and unasked, once in a while
            ◄──────────────────────── Counted
    Drain ──────────────────────────► finish what is under way, end

Requests have a number, which the reply repeats.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from microgateway_common.names import GatewayKey
from microgateway_engine.telemetry.counters import Counters


class Prepare(Struct, frozen=True, tag="prepare"):
    """data: wire bytes of the gateway, unsigned. What was prepared before and not committed is forgotten."""

    number: int
    gateway: GatewayKey
    data: bytes


class Commit(Struct, frozen=True, tag="commit"):
    """Serve what was prepared."""

    number: int


class Withdraw(Struct, frozen=True, tag="withdraw"):
    number: int


class Count(Struct, frozen=True, tag="count"):
    number: int


class Drain(Struct, frozen=True, tag="drain"):
    """seconds: see Server.drain."""

    seconds: float


ToWorker = Prepare | Commit | Withdraw | Count | Drain


class Prepared(Struct, frozen=True, tag="prepared"):
    number: int


class Refused(Struct, frozen=True, tag="refused"):
    """kind, message: as in bus.messages.Rejected."""

    number: int
    kind: str
    message: str


class Done(Struct, frozen=True, tag="done"):
    number: int


class Counted(Struct, frozen=True, tag="counted"):
    """number: 0 when nobody asked."""

    number: int
    counters: Counters


class Listening(Struct, frozen=True, tag="listening"):
    """Whether connections are accepted."""

    listening: bool


class Blocked(Struct, frozen=True, tag="blocked"):
    """A block event (`microgateway_common.blocks`), encoded."""

    event: bytes


class Failed(Struct, frozen=True, tag="failed"):
    """The worker cannot do its work here, and neither could another: an address is taken."""

    message: str


Reply = Prepared | Refused | Done | Counted
FromWorker = Reply | Listening | Blocked | Failed

Message = ToWorker | FromWorker

encode = msgspec.msgpack.Encoder().encode
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
decode_to_worker = _to_worker.decode
decode_from_worker = _from_worker.decode
