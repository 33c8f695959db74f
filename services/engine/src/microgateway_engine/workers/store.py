"""ConfigStore of the supervisor: the fleet applies, one acknowledgement stands for all workers."""

from __future__ import annotations

import asyncio
import time
from typing import assert_never

from msgspec import Struct

from microgateway_common import wire
from microgateway_common.bus.messages import Rejected
from microgateway_common.names import UNKNOWN_UID, Digest, GatewayKey, Generation, PodKey, PodUid
from microgateway_engine.config.disk import LastGood, OnThread
from microgateway_engine.config.store import ConfigStore
from microgateway_engine.telemetry.certificates import Expiry
from microgateway_inspection.rule_set import RuleSet

from .fleet import AppliedByAll, Bundle, Deadly, Fleet

#: Seconds before a bundle is tried again for which a worker died.
SECOND_TRY = 1.0


class Served(Struct, frozen=True):
    """What all workers serve."""

    gateway: GatewayKey
    generation: Generation
    digest: Digest
    certificates: tuple[Expiry, ...]


class _Change(Struct, frozen=True):
    """bundle: for the workers. data: as it came. certificates: that it has."""

    bundle: Bundle
    data: bytes
    certificates: tuple[Expiry, ...]


class FleetStore(ConfigStore):
    """`run` does what was decided meanwhile. Of several bundles that wait only the last one is applied."""

    def __init__(
        self,
        pod: PodKey,
        rules: RuleSet,
        trust: wire.Trust,
        disk: LastGood | OnThread,
        version: str,
        fleet: Fleet,
        uid: PodUid = UNKNOWN_UID,
    ) -> None:
        super().__init__(pod, rules, trust, disk, version, uid)
        self._fleet = fleet
        self._change: _Change | None = None
        self._changed = asyncio.Event()
        self._deadly: bytes | None = None
        self.on_runtime = self._withdraw

    def apply(self, gateway: GatewayKey, data: bytes) -> None:
        if data == self._deadly:
            self.counters.ignored += 1
            return
        relayed = self.relayed(gateway, data)
        if isinstance(relayed, Rejected):
            self.rejected(relayed)
            return
        self._change = _Change(Bundle(gateway, relayed.data), data, relayed.certificates)
        self._changed.set()

    async def run(self) -> None:
        """Forever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._change is None:
                await self._fleet.withdraw()
            else:
                await self._apply(self._change)

    async def _apply(self, change: _Change) -> None:
        started = time.perf_counter()
        verdict = await self._fleet.apply(change.bundle)
        if isinstance(verdict, Deadly):
            # Once may be chance. Meanwhile there is another worker, so that the next try costs no more.
            await asyncio.sleep(SECOND_TRY)
            verdict = await self._fleet.apply(change.bundle)
        if self._change is None:
            return  # the pod has lost its gateway meanwhile
        match verdict:
            case AppliedByAll():
                header = wire.peek(change.data)
                served = Served(header.gateway, header.generation, header.digest, change.certificates)
                self.applied(served, change.data, time.perf_counter() - started)
            case Rejected() as refusal:
                self.rejected(refusal)
            case Deadly():
                self._deadly = change.data
                self.rejected(Rejected("not_applicable", "a worker died while it made the bundle ready"))
            case _:
                assert_never(verdict)

    def _withdraw(self, _: object) -> None:
        self._change = None
        self._changed.set()
