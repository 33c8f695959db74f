"""What every engine should have, and what of it Redis has not been told yet. No I/O.

Compiling puts outcomes in, acknowledgements come from engines, and Publication takes out what has to
be written. Redis may lose its memory, and this process its own: either can be filled from the other. What
comes from Redis counts only with our signature, since others may write there; what has one of an earlier key
is signed anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from microgateway_common import wire
from microgateway_common.bus import keys
from microgateway_common.bus.messages import Acknowledgement, Assigned, Assignment
from microgateway_common.bus.publisher import StoredBundle
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import (
    UNKNOWN_UID,
    Digest,
    GatewayKey,
    Generation,
    KeyId,
    Namespace,
    PodKey,
    PodUid,
    split_key,
)
from microgateway_common.problems import Problem, Severity
from microgateway_common.status import GatewayStatus, NeverPublished, Published
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.outcome import GatewayOutcome
from microgateway_compiler.pipeline import Changes
from microgateway_compiler.status import gateway_status

from .latency import Latency
from .unwritten import Unwritten

logger = logging.getLogger(__name__)

#: Seconds after which an engine that says nothing counts as gone.
SILENCE = 30.0


_NEVER: Final = NeverPublished()
_UNSIGNED: Final = wire.Unsigned()


@dataclass(frozen=True, slots=True)
class Payload:
    """A configuration as bytes, its secrets sealed with a key; empty for none."""

    data: bytes
    digest: Digest
    key: KeyId


class Bundle(NamedTuple):
    """Wire bytes and the generation they were packed under."""

    generation: Generation
    data: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """A signed statement about a pod, and its bytes."""

    statement: wire.Statement
    signature: wire.Signature
    data: bytes


@dataclass(slots=True)
class Entry:
    """One gateway. wanted: None while its resources do not compile. payload: of wanted, None until somebody
    needs it. bundle: the wire bytes that were published last, None when nothing was; signature: theirs."""

    outcome: GatewayOutcome
    wanted: GatewayConfig | None
    payload: Payload | None = None
    published: Published | NeverPublished = _NEVER
    bundle: bytes | None = None
    signature: wire.Signature = _UNSIGNED


class Ledger:
    """milliseconds: the wall clock, for generations; seconds: a monotonic one.
    signer, trust: until `use` tells of others."""

    def __init__(
        self,
        signer: wire.Signer,
        milliseconds: Callable[[], int],
        seconds: Callable[[], float],
        trust: wire.Trust = wire.AcceptUnsigned(),  # noqa: B008 - has no state
    ) -> None:
        self._signer = signer
        self._trust = trust
        self._milliseconds = milliseconds
        self._seconds = seconds
        self.entries: dict[GatewayKey, Entry] = {}
        self.assignments: dict[PodKey, Assignment] = {}
        self.problems: tuple[Problem, ...] = ()
        self._uids: dict[PodKey, PodUid] = {}
        self._sent: dict[PodKey, Sent] = {}
        self._acknowledged: dict[PodKey, tuple[Acknowledgement, float]] = {}
        self._unwritten = Unwritten()
        self.latency = Latency(seconds)

    def use(self, signer: wire.Signer, trust: wire.Trust) -> None:
        """Other keys from now on: what they change is unwritten."""
        self._signer, self._trust = signer, trust
        self._unwritten.bundles |= {
            gateway
            for gateway, entry in self.entries.items()
            if not signer.made(entry.signature) or self._is_outdated(entry)
        }
        self._unwritten.assignments |= {
            pod
            for pod in self.assignments
            if pod not in self._sent or not signer.made(self._sent[pod].signature)
        }

    @property
    def namespaces(self) -> set[Namespace]:
        """Those with a gateway or a pod that has an engine."""
        return {split_key(key)[0] for keys_ in (self.entries, self.assignments) for key in keys_}

    # What compiling and the source say

    def identify(self, pod: PodKey, uid: PodUid) -> None:
        """The pod of that name is this one: what its predecessor said or was told counts no more."""
        if self._uids.get(pod, UNKNOWN_UID) == uid:
            return
        self._uids[pod] = uid
        if pod in self.assignments:
            self._unwritten.assignments.add(pod)
            self._status_changed(pod)

    def forget(self, pod: PodKey) -> None:
        """There is no pod of that name."""
        self._uids.pop(pod, None)

    def take(self, changes: Changes) -> None:
        """Outcomes and assignments that are new, changed or gone."""
        for gateway, outcome in changes.outcomes.items():
            self._take_outcome(gateway, outcome)
        for gateway in changes.removed:
            del self.entries[gateway]
            self.latency.forget(gateway)
            self._unwritten.bundles.discard(gateway)
            self._unwritten.statuses.discard(gateway)
            self._unwritten.removed |= {keys.bundle(gateway), keys.status(gateway)}
            self._unwritten.removed |= {keys.blocks(gateway), keys.block_ids(gateway)}
            logger.info("gateway %s is gone", gateway)
        for pod, assignment in changes.assignments.items():
            self.assignments[pod] = assignment
            self._unwritten.removed.discard(keys.assignment(pod))
            self._unwritten.assignments.add(pod)
        for pod in changes.departed:
            del self.assignments[pod]
            self._sent.pop(pod, None)
            self._unwritten.assignments.discard(pod)
            self._unwritten.removed.add(keys.assignment(pod))
        if changes.problems != self.problems:
            _log_new(self.problems, changes.problems)
            self.problems = changes.problems
            self._unwritten.problems = True

    def _take_outcome(self, gateway: GatewayKey, outcome: GatewayOutcome) -> None:
        self._unwritten.removed -= {keys.bundle(gateway), keys.status(gateway)}
        self._unwritten.removed -= {keys.blocks(gateway), keys.block_ids(gateway)}
        self._unwritten.bundles.add(gateway)
        entry = self.entries.get(gateway)
        wanted = outcome.configuration.config if isinstance(outcome.configuration, Compiled) else None
        if entry is None:
            _log_new((), outcome.problems)
            self.entries[gateway] = Entry(outcome, wanted)
            return
        _log_new(entry.outcome.problems, outcome.problems)
        entry.outcome = outcome
        if wanted is not entry.wanted:
            entry.wanted, entry.payload = wanted, None

    # What engines say

    def hear(self, acknowledgement: Acknowledgement) -> None:
        """An engine's word, new or repeated."""
        pod = acknowledgement.pod
        before = self._acknowledged.get(pod)
        self._acknowledged[pod] = acknowledgement, self._seconds()
        if before is not None:
            self.latency.heard(before[0], acknowledgement)
        if before is None or not _same(before[0], acknowledgement):
            self._status_changed(pod)

    def forget_silent(self) -> None:
        """Engines that have said nothing for SILENCE seconds are gone."""
        oldest = self._seconds() - SILENCE
        for pod in [pod for pod, (_, heard) in self._acknowledged.items() if heard < oldest]:
            del self._acknowledged[pod]
            self._status_changed(pod)

    def _status_changed(self, pod: PodKey) -> None:
        assignment = self.assignments.get(pod)
        gateway = getattr(assignment, "gateway", None)
        if gateway in self.entries:
            self._unwritten.statuses.add(gateway)

    # What is to be written

    def waiting(self) -> Mapping[str, int]:
        """How much of each kind."""
        return self._unwritten.sizes()

    def take_unwritten(self) -> Unwritten:
        """Everything that has changed since the last call."""
        unwritten, self._unwritten = self._unwritten, Unwritten()
        return unwritten

    def everything(self, stored: Iterable[str]) -> Unwritten:
        """All there is, whatever was written before. stored: keys of Redis, among them forgotten ones."""
        self._unwritten = Unwritten()
        known = {keys.assignment(pod) for pod in self.assignments}
        for gateway in self.entries:
            known |= {keys.bundle(gateway), keys.status(gateway)}
        return Unwritten(
            bundles=set(self.entries),
            assignments=set(self.assignments),
            removed=set(stored) - known,
            problems=True,
        )

    def adopt(self, gateway: GatewayKey, stored: StoredBundle) -> bool:
        """Redis holds this: it is what engines have, if it is ours, and newer than what we know.

        False when it is not ours, and to be removed: nothing it says may be believed.
        """
        entry = self.entries[gateway]
        try:
            header, bundle = wire.verify(stored.data, gateway, self._trust)
            if stored.generation != str(header.generation).encode():
                raise wire.WireError(wire.WireErrorKind.MALFORMED, "expected its own generation with it")
        except wire.WireError as error:
            logger.warning("the bundle of %s in redis is unusable and will be replaced: %s", gateway, error)
            return False
        if isinstance(entry.published, NeverPublished) or header.generation > entry.published.generation:
            entry.published = Published(header.generation, header.digest)
            entry.bundle, entry.signature = stored.data, bundle.signature
        return True

    def adopt_assignment(self, pod: PodKey, stored: bytes) -> None:
        """Redis holds this about a pod: unless it is not ours, it need not be said again."""
        try:
            statement, signature = wire.verify_assignment(stored, pod, self._trust)
        except wire.WireError as error:
            logger.warning("the assignment of %s in redis is unusable and will be replaced: %s", pod, error)
            return
        known = self._sent.get(pod)
        if known is None or statement.generation > known.statement.generation:
            self._sent[pod] = Sent(statement, signature, stored)

    def next_bundle(self, gateway: GatewayKey, stored: Generation) -> Bundle | None:
        """What Redis should get, which holds that generation (0 for none); None when it has it.

        It is noted as published: call `adopt` when Redis turns out to hold something newer.
        """
        entry = self.entries[gateway]
        wanted = self._payload(entry) if entry.wanted is not None else self._last_good(gateway, entry)
        match entry.published:
            case Published(generation, digest) if wanted is None or (
                wanted.digest == digest and self._signer.made(entry.signature)
            ):
                if stored >= generation or entry.bundle is None:
                    return None
                return Bundle(generation, entry.bundle)  # Redis has lost it
        if wanted is None:
            return None  # nothing valid yet
        newest = entry.published.generation if isinstance(entry.published, Published) else 0
        generation = Generation(max(self._milliseconds(), newest + 1, stored + 1))
        data = wire.pack(gateway, generation, wanted.data, self._signer)
        _, bundle = wire.verify(data, gateway, self._trust)  # as engines will
        entry.bundle, entry.signature = data, bundle.signature
        entry.published = Published(generation, wanted.digest)
        self.latency.published(gateway, generation)
        return Bundle(generation, data)

    def next_assignment(self, pod: PodKey) -> bytes:
        """What Redis should hold about a pod: the same bytes until something of it changes."""
        assignment, uid = self.assignments[pod], self._uids.get(pod, UNKNOWN_UID)
        known = self._sent.get(pod)
        newest = 0
        if known is not None:
            said = known.statement
            if (said.assignment, said.uid) == (assignment, uid) and self._signer.made(known.signature):
                return known.data
            newest = said.generation
        generation = Generation(max(self._milliseconds(), newest + 1))
        statement = wire.Statement(pod, uid, generation, assignment, self._floor(assignment))
        data = wire.pack_assignment(statement, self._signer)
        _, signature = wire.verify_assignment(data, pod, self._trust)  # as its engine will
        self._sent[pod] = Sent(statement, signature, data)
        return data

    def _floor(self, assignment: Assignment) -> Generation:
        match assignment:
            case Assigned(gateway) if (entry := self.entries.get(gateway)) is not None:
                if isinstance(entry.published, Published):
                    return entry.published.generation
        return Generation(0)

    def _last_good(self, gateway: GatewayKey, entry: Entry) -> Payload | None:
        """What was published last, under the keys of today; None when there is nothing that opens."""
        if entry.bundle is None:
            return None
        try:
            _, config = wire.open_bundle(entry.bundle, gateway, self._trust)
        except wire.WireError as error:
            logger.warning("the last good bundle of %s stays as it is: %s", gateway, error)
            return None
        data = wire.encode(config, self._signer)
        return Payload(data, wire.digest_of(data), self._sealing_key(config))

    def _payload(self, entry: Entry) -> Payload | None:
        if entry.wanted is None:
            return None
        if entry.payload is None or not self._is_current(entry.payload, entry.wanted):
            data = wire.encode(entry.wanted, self._signer)
            entry.payload = Payload(data, wire.digest_of(data), self._sealing_key(entry.wanted))
        return entry.payload

    def _is_outdated(self, entry: Entry) -> bool:
        """Whether the secrets of its payload are sealed with another key than they should be."""
        if entry.wanted is None:
            return entry.bundle is not None  # to be found out
        return entry.payload is not None and not self._is_current(entry.payload, entry.wanted)

    def _is_current(self, payload: Payload, config: GatewayConfig) -> bool:
        return payload.key == self._sealing_key(config)

    def _sealing_key(self, config: GatewayConfig) -> KeyId:
        return self._signer.sealed_by(config.gateway) if config.secrets else KeyId("")

    def status(self, gateway: GatewayKey) -> GatewayStatus:
        return self._status(self.entries[gateway])

    def statuses(self) -> Iterable[GatewayStatus]:
        # The metrics' thread asks as well: a copy, since the loop may add and remove gateways meanwhile.
        return [self._status(entry) for entry in list(self.entries.values())]

    def _status(self, entry: Entry) -> GatewayStatus:
        status = gateway_status(entry.outcome, entry.published, self._of_pods(entry.outcome.pods))
        # The compiler knows no sealed secrets, and therefore another digest where there are some.
        up_to_date = (
            isinstance(entry.published, Published)
            and entry.payload is not None
            and entry.payload.digest == entry.published.digest
        )
        return msgspec.structs.replace(status, up_to_date=up_to_date)

    def _of_pods(self, pods: Iterable[PodKey]) -> Mapping[PodKey, Acknowledgement]:
        """What the engines of these pods said, and not those of their predecessors by the same name."""
        heard = ((pod, self._acknowledged.get(pod)) for pod in pods)
        return {
            pod: entry[0]
            for pod, entry in heard
            if entry is not None and self._uids.get(pod, entry[0].uid) == entry[0].uid
        }


def _same(before: Acknowledgement, now: Acknowledgement) -> bool:
    return (before.instance, before.uid, before.assignment, before.serving, before.rejected) == (
        now.instance,
        now.uid,
        now.assignment,
        now.serving,
        now.rejected,
    )


def _log_new(before: Iterable[Problem], now: Iterable[Problem]) -> None:
    known = set(before)
    for problem in now:
        if problem not in known:
            level = logging.ERROR if problem.severity is Severity.ERROR else logging.WARNING
            logger.log(level, "%s", problem)
