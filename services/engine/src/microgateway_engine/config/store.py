"""ConfigStore: decides about what the bus offers, and swaps the Runtime by assignment.

offered ──served already─► ignored
        ──older──────────► counted and logged, the Runtime stays
        ──bundle refused─► Rejected, the Runtime stays
        ──ready──────────► Runtime replaced, saved, acknowledged

Nothing older than what was accepted before is accepted, whoever signed it: neither a bundle of a gateway nor
an assignment, also not after a restart, when the disk tells what that was.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from typing import Protocol, assert_never

from msgspec import Struct, field

from microgateway_common import wire
from microgateway_common.bus.messages import (
    Acknowledgement,
    Applied,
    Assigned,
    Assignment,
    NoConfiguration,
    NothingRejected,
    Rejected,
    Unassigned,
)
from microgateway_common.names import UNKNOWN_UID, Digest, GatewayKey, Generation, PodKey, PodUid
from microgateway_engine.telemetry.certificates import Expiry, expiries
from microgateway_engine.telemetry.counters import SECONDS, Histogram
from microgateway_inspection.rule_set import RuleSet

from .disk import LastGood, OnThread
from .runtime import Runtime, build

logger = logging.getLogger(__name__)


class ConfigCounters(Struct):
    """What became of the bundles and assignments that came, for metrics. rejected: by kind. applying: seconds
    from arrival until requests see it."""

    applied: int = 0
    ignored: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    redis_connected: bool = False
    redis_disconnects: int = 0
    applying: Histogram = field(default_factory=lambda: Histogram(SECONDS))


class Relayed(Struct, frozen=True):
    """A bundle for other processes of this engine. certificates: that it has."""

    data: bytes
    certificates: tuple[Expiry, ...]


class Serving(Protocol):
    """What is served: a Runtime, or what is known of those of other processes."""

    @property
    def gateway(self) -> GatewayKey: ...

    @property
    def generation(self) -> Generation: ...

    @property
    def digest(self) -> Digest: ...

    @property
    def certificates(self) -> tuple[Expiry, ...]: ...


class ConfigStore:
    """The engine's end of the bus (a `bus.subscriber.Listener`).

    on_runtime: called after each swap, with None when the pod lost its gateway.
    on_news: called when the acknowledgement has changed.
    """

    def __init__(
        self,
        pod: PodKey,
        rules: RuleSet,
        trust: wire.Trust,
        disk: LastGood | OnThread,
        version: str,
        uid: PodUid = UNKNOWN_UID,
    ) -> None:
        self._pod = pod
        self._uid = uid
        self._rules = rules
        self.trust = trust
        self._disk = disk
        self._version = version
        self.on_runtime: Callable[[Runtime | None], None] = _nobody_serves
        self.on_news: Callable[[], None] = _nobody_listens
        self._instance = secrets.token_hex(8)
        self._assignment: Assignment = Unassigned("not assigned yet")
        self._statement: wire.Statement | None = None
        self._floors: dict[GatewayKey, Generation] = {}
        self._complaint = ""
        self._rejected: Rejected | NothingRejected = NothingRejected()
        self._restoring: GatewayKey | None = None
        self.runtime: Serving | None = None
        #: What the engine's own connections rely on.
        self.own_certificates: tuple[Expiry, ...] = ()
        self.counters = ConfigCounters()

    def restore(self) -> None:
        """Serve the last good bundle of an earlier run, if there is one and it is still trusted."""
        if (known := self._disk.load_assignment()) is not None:
            try:
                self._statement = self._read_assignment(known)
            except wire.WireError as error:
                logger.warning("last assignment: not usable: %s", error)
        data = self._disk.load()
        if data is None:
            return
        try:
            gateway = wire.peek(data).gateway
        except wire.WireError as error:
            logger.warning("last good configuration: not usable: %s", error)
            return
        self._restoring = gateway
        self.apply(gateway, data)

    def believe(self, trust: wire.Trust) -> None:
        """Other keys count from now on. What is served stays; what comes is measured by them."""
        self.trust = trust
        if self.runtime is None:
            self.restore()

    def connected(self) -> None:
        self.counters.redis_connected = True
        logger.info("connected to redis")

    def disconnected(self, reason: str) -> None:
        if self.counters.redis_connected:
            logger.warning("redis is away, the configuration stays as it is: %s", reason)
            self.counters.redis_disconnects += 1
        self.counters.redis_connected = False

    def assigned(self, data: bytes) -> GatewayKey | None:
        self._restoring = None
        try:
            statement = self._read_assignment(data)
        except wire.WireError as error:
            self._refuse(error.kind, f"assignment refused, the one before stays: {error}")
            return self._assigned_to
        known = self._statement
        if known is None or statement.generation > known.generation:
            self._statement = statement
            self._disk.save_assignment(data)
        elif statement.generation < known.generation:
            self._refuse(
                wire.WireErrorKind.REPLAYED,
                f"assignment refused, the one before stays: expected generation {known.generation} or later,"
                f" got {statement.generation}",
            )
            return self._assigned_to
        self._take_over(statement.assignment)
        return self._assigned_to

    def _take_over(self, assignment: Assignment) -> None:
        if assignment == self._assignment:
            return
        self._assignment = assignment
        match assignment:
            case Assigned(gateway):
                logger.info("assigned to gateway %s", gateway)
            case Unassigned(reason):
                logger.warning("no gateway for this pod, all connections are refused: %s", reason)
                self.runtime = None
                self._disk.forget()
                self.on_runtime(None)
            case _:
                assert_never(assignment)
        self.on_news()

    @property
    def _assigned_to(self) -> GatewayKey | None:
        """The gateway of the assignment that counts."""
        match self._statement:
            case wire.Statement(assignment=Assigned(gateway)):
                return gateway
            case _:
                return None

    def _read_assignment(self, data: bytes) -> wire.Statement:
        return wire.open_assignment(data, self._pod, self._uid, self.trust)

    def offered(self, gateway: GatewayKey, data: bytes) -> None:
        current = self.runtime
        try:
            header = wire.peek(data)
        except wire.WireError as error:
            self.rejected(Rejected(error.kind, str(error)))
            return
        floor = self._floor(gateway)
        if header.generation < floor:
            # Not acknowledged: in the first moment of a session old news may arrive late and mean no harm.
            self._refuse(
                wire.WireErrorKind.REPLAYED,
                f"bundle refused, what is served stays: expected generation {floor} or later of {gateway},"
                f" got {header.generation}",
            )
            return
        if current is not None and current.gateway == gateway and header.generation == current.generation:
            self.counters.ignored += 1
            return
        self.apply(gateway, data)

    def _floor(self, gateway: GatewayKey) -> Generation:
        """The oldest generation of the gateway that may be served."""
        served = self._floors.get(gateway, Generation(0))
        if self._statement is not None and self._assigned_to == gateway:
            return max(served, self._statement.floor)
        return served

    def acknowledgement(self) -> Acknowledgement:
        runtime = self.runtime
        return Acknowledgement(
            pod=self._pod,
            instance=self._instance,
            engine_version=self._version,
            assignment=self._assignment,
            serving=NoConfiguration() if runtime is None else Applied(runtime.generation, runtime.digest),
            rejected=self._rejected,
            sent_at=time.time(),
            uid=self._uid,
        )

    def apply(self, gateway: GatewayKey, data: bytes) -> None:
        """Have a bundle served. To be overridden where others serve: it may return before `applied` or
        `rejected` is called. Others have no keys: they get what `relayed` makes of the bundle."""
        started = time.perf_counter()
        match make_ready(gateway, data, self.trust, self._rules):
            case Runtime() as runtime:
                self.on_runtime(runtime)
                self.applied(runtime, data, time.perf_counter() - started)
            case Rejected() as refusal:
                self.rejected(refusal)
            case unknown:
                assert_never(unknown)

    def relayed(self, gateway: GatewayKey, data: bytes) -> Relayed | Rejected:
        """A bundle checked and opened, in wire bytes for processes of this engine that `AcceptUnsigned`. Its
        digest may be another: acknowledge, and give to `applied`, the header and the bytes that came."""
        try:
            header, config = wire.open_bundle(data, gateway, self.trust)
        except wire.WireError as error:
            return Rejected(error.kind, str(error))
        relayed = wire.pack(gateway, header.generation, wire.encode(config), wire.LeaveUnsigned())
        return Relayed(relayed, expiries(config))

    def applied(self, serving: Serving, data: bytes, seconds: float) -> None:
        """A bundle is served. data: the bytes that came. seconds: that this took."""
        self.runtime = serving
        self._floors[serving.gateway] = serving.generation
        self._complaint = ""
        self._rejected = NothingRejected()
        self.counters.applied += 1
        self.counters.applying.observe(seconds)
        if self._restoring == serving.gateway:
            self._assignment = Assigned(serving.gateway)
            logger.info("serving the last good configuration of %s from disk", serving.gateway)
        self._restoring = None
        self.on_news()
        logger.info(
            "configuration applied",
            extra={
                "microgateway.gateway": serving.gateway,
                "microgateway.generation": serving.generation,
                "microgateway.digest": serving.digest,
                "event.duration": int(seconds * 1e9),
            },
        )
        self._disk.save(data)

    def rejected(self, refusal: Rejected) -> None:
        """A bundle is not served; what is served stays."""
        self.counters.rejected[refusal.kind] = self.counters.rejected.get(refusal.kind, 0) + 1
        if refusal != self._rejected:
            logger.error("configuration refused, what is served stays: %s", refusal.message)
            self._rejected = refusal
            self.on_news()

    def _refuse(self, kind: str, message: str) -> None:
        """Count what came and is not acknowledged as refused; say so once, not each time it is repeated."""
        self.counters.rejected[kind] = self.counters.rejected.get(kind, 0) + 1
        if message != self._complaint:
            self._complaint = message
            logger.error(message)


def make_ready(gateway: GatewayKey, data: bytes, trust: wire.Trust, rules: RuleSet) -> Runtime | Rejected:
    """A bundle of the gateway, ready to be served, or why it cannot be."""
    try:
        header, config = wire.open_bundle(data, gateway, trust)
        return build(header, config, rules)
    except wire.WireError as error:
        return Rejected(error.kind, str(error))
    except ValueError as error:
        return Rejected("not_applicable", str(error))


def _nobody_serves(runtime: Runtime | None) -> None:
    """Before a server takes the configuration."""


def _nobody_listens() -> None:
    """Before the bus takes acknowledgements."""
