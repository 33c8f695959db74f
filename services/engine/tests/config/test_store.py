"""What becomes of the bundles that the bus offers."""

from __future__ import annotations

from pathlib import Path

import engine_configurations as configurations
import msgspec
import pytest

from microgateway_common import wire
from microgateway_common.bus.messages import (
    Applied,
    Assigned,
    Assignment,
    NoConfiguration,
    NothingRejected,
    Rejected,
    Unassigned,
)
from microgateway_common.ir.gateway import GatewayConfig, Route, Secured
from microgateway_common.names import GatewayKey, Generation, Namespace, PodUid, gateway_key, pod_key
from microgateway_common.trust.sealing import new_namespace_key
from microgateway_common.trust.signing import Authority, KeyRing, new_signing_key, verify_key
from microgateway_engine.config.disk import LastGood
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.config.store import ConfigStore, Relayed
from microgateway_inspection.rule_set import RuleSet

GATEWAY = configurations.GATEWAY
OTHER = gateway_key("shop", "other")
POD = pod_key("shop", "a")


def bundle(generation: int, config: GatewayConfig | None = None) -> bytes:
    config = config or configurations.gateway_config()
    return wire.pack(config.gateway, Generation(generation), wire.encode(config), wire.LeaveUnsigned())


def said(
    assignment: Assignment,
    generation: int = 1,
    floor: int = 0,
    uid: str = "",
    signer: wire.Signer = wire.LeaveUnsigned(),  # noqa: B008 - has no state
) -> bytes:
    statement = wire.Statement(POD, PodUid(uid), Generation(generation), assignment, Generation(floor))
    return wire.pack_assignment(statement, signer)


class Engine:
    """A store and what it told the server and the bus."""

    def __init__(
        self,
        rules: RuleSet,
        directory: Path | None,
        trust: wire.Trust = wire.AcceptUnsigned(),  # noqa: B008 - has no state
        uid: str = "",
    ) -> None:
        self.store = ConfigStore(POD, rules, trust, LastGood(directory), "1.2.3", PodUid(uid))
        self.served: list[Runtime | None] = []
        self.news = 0
        self.store.on_runtime = self.served.append
        self.store.on_news = self._heard

    def _heard(self) -> None:
        self.news += 1

    def assign(self, assignment: Assignment, generation: int = 1) -> GatewayKey | None:
        return self.store.assigned(said(assignment, generation))

    @property
    def generations(self) -> list[int | None]:
        return [None if runtime is None else runtime.generation for runtime in self.served]


@pytest.fixture
def engine(rules: RuleSet, tmp_path: Path) -> Engine:
    engine = Engine(rules, tmp_path)
    engine.assign(Assigned(GATEWAY))
    engine.news = 0
    return engine


def test_before_anything_came_nothing_is_served(rules: RuleSet) -> None:
    acknowledgement = Engine(rules, None).store.acknowledgement()
    assert isinstance(acknowledgement.serving, NoConfiguration)
    assert isinstance(acknowledgement.assignment, Unassigned)
    assert (acknowledgement.pod, acknowledgement.engine_version) == ("shop/a", "1.2.3")


def test_a_bundle_is_served_saved_and_acknowledged(engine: Engine, tmp_path: Path) -> None:
    engine.store.offered(GATEWAY, bundle(5))
    assert engine.generations == [5]
    assert engine.news == 1
    serving = engine.store.acknowledgement().serving
    assert isinstance(serving, Applied)
    assert serving.generation == 5
    assert serving.digest == wire.peek(bundle(5)).digest
    assert LastGood(tmp_path).load() == bundle(5)


def test_repeated_bundles_are_ignored_and_older_ones_refused(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for generation in (5, 5, 4, 4, 6, 5):
        engine.store.offered(GATEWAY, bundle(generation))
    assert engine.generations == [5, 6]
    assert (engine.store.counters.applied, engine.store.counters.ignored) == (2, 1)
    assert engine.store.counters.rejected == {"replayed": 3}
    assert caplog.text.count(f"expected generation 5 or later of {GATEWAY}, got 4") == 1
    assert LastGood(tmp_path).load() == bundle(6)
    assert isinstance(engine.store.acknowledgement().rejected, NothingRejected), "old news may be late"


def _not_applicable() -> GatewayConfig:
    application = msgspec.structs.replace(
        configurations.application(), routes=(Route("/", Secured("missing")),)
    )
    return configurations.gateway_config(application)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "not_a_bundle"),
        (b"rubbish", "not_a_bundle"),
        (b"MGW\xff" + bundle(9)[4:], "unknown_schema"),
        (bundle(9)[:-10], "malformed"),
        (bundle(9)[:-1] + bytes([bundle(9)[-1] ^ 1]), "digest_mismatch"),
        (bundle(9, configurations.gateway_config(gateway=OTHER)), "wrong_gateway"),
        (wire.pack(GATEWAY, Generation(9), b"\xc0", wire.LeaveUnsigned()), "invalid_payload"),
        (bundle(9, _not_applicable()), "not_applicable"),
    ],
)
def test_a_bundle_that_is_refused_changes_nothing(
    data: bytes, kind: str, engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.store.offered(GATEWAY, bundle(5))
    engine.news = 0
    engine.store.offered(GATEWAY, data)
    engine.store.offered(GATEWAY, data)
    assert engine.generations == [5]
    acknowledgement = engine.store.acknowledgement()
    assert isinstance(acknowledgement.serving, Applied)
    assert isinstance(acknowledgement.rejected, Rejected)
    assert acknowledgement.rejected.kind == kind
    assert acknowledgement.rejected.message
    assert engine.news == 1, "the same refusal is told once"
    assert engine.store.counters.rejected == {kind: 2}
    assert caplog.text.count("configuration refused, what is served stays") == 1
    assert LastGood(tmp_path).load() == bundle(5)

    engine.store.offered(GATEWAY, bundle(10))
    assert engine.generations == [5, 10]
    assert isinstance(engine.store.acknowledgement().rejected, NothingRejected)


def test_without_a_gateway_nothing_is_served_or_kept(engine: Engine, tmp_path: Path) -> None:
    engine.store.offered(GATEWAY, bundle(5))
    assert engine.assign(Unassigned("no gateway selects it"), 2) is None
    assert engine.assign(Unassigned("no gateway selects it"), 2) is None
    assert engine.generations == [5, None]
    assert isinstance(engine.store.acknowledgement().serving, NoConfiguration)
    assert LastGood(tmp_path).load() is None


def test_another_gateway_takes_over_when_its_bundle_comes(engine: Engine) -> None:
    """Generations are counted for each gateway: the other's may be lower."""
    engine.store.offered(GATEWAY, bundle(5))
    assert engine.assign(Assigned(OTHER), 2) == OTHER
    assert engine.generations == [5]
    engine.store.offered(OTHER, bundle(2, configurations.gateway_config(gateway=OTHER)))
    assert engine.generations == [5, 2]
    assert engine.store.runtime is not None
    assert engine.store.runtime.gateway == OTHER


def test_an_unreadable_assignment_changes_nothing(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    engine.store.offered(GATEWAY, bundle(5))
    for _ in range(2):
        assert engine.store.assigned(b"{}") == GATEWAY
    assert engine.store.acknowledgement().assignment == Assigned(GATEWAY)
    assert engine.store.counters.rejected == {"malformed": 2}
    assert caplog.text.count("assignment refused, the one before stays") == 1


def test_an_older_assignment_changes_nothing(engine: Engine, rules: RuleSet, tmp_path: Path) -> None:
    assert engine.assign(Assigned(OTHER), 5) == OTHER
    assert engine.assign(Assigned(GATEWAY), 4) == OTHER
    assert engine.assign(Unassigned("old"), 4) == OTHER
    assert engine.store.counters.rejected == {"replayed": 2}

    restarted = Engine(rules, tmp_path)
    restarted.store.restore()
    assert restarted.assign(Assigned(GATEWAY), 4) == OTHER
    assert restarted.assign(Assigned(GATEWAY), 6) == GATEWAY


def test_a_gateway_that_comes_back_starts_where_it_was(engine: Engine) -> None:
    other = configurations.gateway_config(gateway=OTHER)
    engine.store.offered(GATEWAY, bundle(5))
    engine.assign(Assigned(OTHER), 2)
    engine.store.offered(OTHER, bundle(2, other))
    engine.assign(Assigned(GATEWAY), 3)
    engine.store.offered(GATEWAY, bundle(4))
    engine.store.offered(GATEWAY, bundle(5))
    assert engine.generations == [5, 2, 5]


def test_a_new_pod_takes_nothing_older_than_what_was_published_when_it_came(rules: RuleSet) -> None:
    """It has accepted nothing yet; the signed assignment says what is too old."""
    new = Engine(rules, None)
    new.store.assigned(said(Assigned(GATEWAY), floor=5))
    new.store.offered(GATEWAY, bundle(4))
    assert new.generations == []
    assert new.store.counters.rejected == {"replayed": 1}
    new.store.offered(GATEWAY, bundle(5))
    assert new.generations == [5]


def test_a_predecessors_assignment_is_not_ours(rules: RuleSet) -> None:
    new = Engine(rules, None, uid="new")
    assert new.store.assigned(said(Assigned(GATEWAY), uid="old")) is None
    assert new.store.counters.rejected == {"wrong_pod": 1}
    assert new.store.assigned(said(Assigned(GATEWAY), uid="new")) == GATEWAY
    assert new.store.acknowledgement().uid == "new"


KEY, NEXT_KEY = new_signing_key(), new_signing_key()
SEALING = new_namespace_key()
AUTHORITY = Authority(KEY, {Namespace("shop"): SEALING})
RING = KeyRing([verify_key(KEY)], [SEALING])


def signed(generation: int, authority: wire.Signer = AUTHORITY, secret: bytes = b"KEY") -> bytes:
    config = msgspec.structs.replace(configurations.gateway_config(), secrets={"tls": secret})
    return wire.pack(GATEWAY, Generation(generation), wire.encode(config, authority), authority)


def test_with_keys_only_what_they_signed_counts(rules: RuleSet, tmp_path: Path) -> None:
    engine = Engine(rules, tmp_path, RING)
    stranger = Authority(NEXT_KEY, {Namespace("shop"): SEALING})
    assert engine.assign(Assigned(GATEWAY)) is None
    assert engine.store.assigned(said(Assigned(GATEWAY), signer=stranger)) is None
    assert engine.store.assigned(said(Assigned(GATEWAY), signer=AUTHORITY)) == GATEWAY
    for forged in (
        bundle(9),
        signed(9, stranger),
        signed(9)[:-1] + bytes([signed(9)[-1] ^ 1]),
        signed(9, Authority(KEY, {Namespace("shop"): new_namespace_key()})),
        bytes(4),
    ):
        engine.store.offered(GATEWAY, forged)
    assert engine.generations == []
    assert engine.store.counters.rejected == {
        "untrusted": 2,
        "unknown_key": 2,
        "forged": 1,
        "sealed": 1,
        "not_a_bundle": 1,
    }
    engine.store.offered(GATEWAY, signed(5))
    assert engine.generations == [5]
    assert b"KEY" not in (LastGood(tmp_path).load() or b"")


def test_keys_may_change_while_it_serves(rules: RuleSet, tmp_path: Path) -> None:
    engine = Engine(rules, tmp_path, RING)
    later = Authority(NEXT_KEY, {Namespace("shop"): SEALING})
    engine.store.offered(GATEWAY, signed(5))
    engine.store.believe(KeyRing([verify_key(NEXT_KEY)], [SEALING]))
    assert engine.generations == [5]
    engine.store.offered(GATEWAY, signed(6))
    engine.store.offered(GATEWAY, signed(7, later))
    assert engine.generations == [5, 7]


def test_a_disk_that_is_not_believed_waits_for_the_keys(rules: RuleSet, tmp_path: Path) -> None:
    Engine(rules, tmp_path, RING).store.offered(GATEWAY, signed(5))
    restarted = Engine(rules, tmp_path, wire.TrustNobody())
    restarted.store.restore()
    assert restarted.generations == []
    restarted.store.believe(RING)
    assert restarted.generations == [5]


def test_what_is_relayed_to_other_processes_is_open(rules: RuleSet) -> None:
    engine = Engine(rules, None, RING)
    relayed = engine.store.relayed(GATEWAY, signed(5))
    assert isinstance(relayed, Relayed)
    header, config = wire.open_bundle(relayed.data, GATEWAY, wire.AcceptUnsigned())
    assert (header.generation, config.secrets) == (5, {"tls": b"KEY"})
    assert isinstance(engine.store.relayed(GATEWAY, bundle(5)), Rejected)


def test_losing_redis_changes_nothing(engine: Engine) -> None:
    engine.store.offered(GATEWAY, bundle(5))
    engine.store.connected()
    engine.store.disconnected("gone")
    engine.store.disconnected("still gone")
    assert engine.generations == [5]
    counters = engine.store.counters
    assert (counters.redis_connected, counters.redis_disconnects) == (False, 1)


def test_a_restart_serves_what_was_served_before(engine: Engine, rules: RuleSet, tmp_path: Path) -> None:
    engine.store.offered(GATEWAY, bundle(5))
    restarted = Engine(rules, tmp_path)
    restarted.store.restore()
    assert restarted.generations == [5]
    acknowledgement = restarted.store.acknowledgement()
    assert acknowledgement.assignment == Assigned(GATEWAY)
    assert acknowledgement.instance != engine.store.acknowledgement().instance
    restarted.store.offered(GATEWAY, bundle(4))
    restarted.store.offered(GATEWAY, bundle(6))
    assert restarted.generations == [5, 6]


@pytest.mark.parametrize("data", [b"rubbish", bundle(5)[:-1] + b"\0", bundle(5, _not_applicable())])
def test_a_restart_from_what_is_spoilt_serves_nothing(data: bytes, rules: RuleSet, tmp_path: Path) -> None:
    LastGood(tmp_path).save(data)
    restarted = Engine(rules, tmp_path)
    restarted.store.restore()
    assert restarted.generations == []
    assert isinstance(restarted.store.acknowledgement().assignment, Unassigned)


def test_a_first_start_has_nothing_to_restore(rules: RuleSet, tmp_path: Path) -> None:
    first = Engine(rules, tmp_path)
    first.store.restore()
    assert first.generations == []
