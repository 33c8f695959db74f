from __future__ import annotations

import msgspec
import pytest

from microgateway_common import wire
from microgateway_common.bus import keys
from microgateway_common.bus.messages import (
    Acknowledgement,
    Applied,
    Assigned,
    NothingRejected,
    Rejected,
)
from microgateway_common.bus.publisher import StoredBundle
from microgateway_common.names import UNKNOWN_UID, Generation, Namespace, PodUid, gateway_key, pod_key
from microgateway_common.status import NeverPublished, Phase, Published
from microgateway_common.trust.sealing import new_namespace_key
from microgateway_common.trust.signing import Authority, KeyRing, new_signing_key, verify_key
from microgateway_reconciler.ledger import SILENCE, Bundle

from .conftest import Desk

SHOP, POD = gateway_key("shop", "shop"), pod_key("shop", "shop-0")
NOTHING = Generation(0)


def published(desk: Desk) -> Published:
    state = desk.ledger.entries[SHOP].published
    assert isinstance(state, Published)
    return state


def acknowledgement(desk: Desk, rejected: Rejected | NothingRejected = NothingRejected()) -> Acknowledgement:  # noqa: B008
    state = published(desk)
    serving = Applied(state.generation, state.digest)
    return Acknowledgement(POD, "i", "1", Assigned(SHOP), serving, rejected, 0.0)


def stored(bundle: Bundle) -> StoredBundle:
    return StoredBundle(str(bundle.generation).encode(), bundle.data)


def test_a_new_gateway_is_written_with_its_pod(desk: Desk) -> None:
    desk.save("shop")
    unwritten = desk.ledger.take_unwritten()
    assert unwritten.bundles == {SHOP}
    assert unwritten.assignments == {POD}
    assert desk.ledger.assignments[POD] == Assigned(SHOP)
    assert not desk.ledger.take_unwritten()


def test_the_generation_is_a_time_and_grows_whatever_the_clock_does(desk: Desk) -> None:
    desk.save("shop")
    first = desk.ledger.next_bundle(SHOP, NOTHING)
    assert first is not None
    assert first.generation == desk.clock.milliseconds
    desk.clock.milliseconds -= 5000
    desk.save("shop", port=8081)
    second = desk.ledger.next_bundle(SHOP, first.generation)
    assert second is not None
    assert second.generation == first.generation + 1
    assert wire.peek(second.data).generation == second.generation


def test_the_same_configuration_is_published_once(desk: Desk) -> None:
    desk.save("shop")
    first = desk.ledger.next_bundle(SHOP, NOTHING)
    assert first is not None
    desk.clock.milliseconds += 1000
    desk.save("shop")
    assert desk.ledger.next_bundle(SHOP, first.generation) is None


def test_redis_that_lost_its_memory_gets_the_same_bundle_again(desk: Desk) -> None:
    desk.save("shop")
    first = desk.ledger.next_bundle(SHOP, NOTHING)
    assert desk.ledger.next_bundle(SHOP, NOTHING) == first


def test_a_restarted_reconciler_adopts_what_redis_has(desk: Desk, clock: object) -> None:
    desk.save("shop")
    bundle = desk.ledger.next_bundle(SHOP, NOTHING)
    assert bundle is not None
    restarted = Desk(desk.clock)
    restarted.save("shop")
    restarted.ledger.adopt(SHOP, stored(bundle))
    assert restarted.ledger.next_bundle(SHOP, bundle.generation) is None
    assert published(restarted).generation == bundle.generation


def test_a_broken_gateway_keeps_what_was_published_even_through_a_restart(desk: Desk) -> None:
    desk.save("shop")
    bundle = desk.ledger.next_bundle(SHOP, NOTHING)
    assert bundle is not None
    desk.save("shop", port="many")
    assert desk.ledger.next_bundle(SHOP, bundle.generation) is None
    assert desk.ledger.status(SHOP).phase is Phase.ERROR
    assert not desk.ledger.status(SHOP).up_to_date

    restarted = Desk(desk.clock)
    restarted.save("shop", port="many")
    assert restarted.ledger.next_bundle(SHOP, NOTHING) is None
    restarted.ledger.adopt(SHOP, stored(bundle))
    assert restarted.ledger.next_bundle(SHOP, NOTHING) == bundle  # and Redis may lose it as well


def test_a_gateway_that_never_compiled_has_nothing_to_publish(desk: Desk) -> None:
    desk.save("shop", port="many")
    assert desk.ledger.next_bundle(SHOP, NOTHING) is None
    assert desk.ledger.status(SHOP).published == NeverPublished()


def test_garbage_in_redis_is_replaced(desk: Desk) -> None:
    desk.save("shop")
    assert not desk.ledger.adopt(SHOP, StoredBundle(b"1", b"garbage"))
    later = Generation(desk.clock.milliseconds + 77)
    bundle = desk.ledger.next_bundle(SHOP, later)
    assert bundle is not None
    assert bundle.generation > later
    pretended = StoredBundle(b"999999999999999999", bundle.data)
    assert not desk.ledger.adopt(SHOP, pretended), "the generation must be the bundle's own"


def test_a_gateway_that_is_gone_takes_its_keys_along(desk: Desk) -> None:
    desk.save("shop")
    desk.ledger.take_unwritten()
    desk.remove("shop")
    assert desk.ledger.take_unwritten().removed == {
        keys.bundle(SHOP),
        keys.status(SHOP),
        keys.blocks(SHOP),
        keys.block_ids(SHOP),
        keys.assignment(POD),
    }


def test_back_at_once_it_keeps_them(desk: Desk) -> None:
    desk.save("shop")
    desk.remove("shop")
    desk.save("shop")
    assert desk.ledger.take_unwritten().removed == set()


def test_everything_is_what_there_is_and_removes_what_there_is_not(desk: Desk) -> None:
    desk.save("shop")
    desk.ledger.take_unwritten()
    stored = [keys.bundle(SHOP), "mgw:shop:bundle:old", "mgw:shop:assignment:old"]
    everything = desk.ledger.everything(stored)
    assert everything.bundles == {SHOP}
    assert everything.removed == {"mgw:shop:bundle:old", "mgw:shop:assignment:old"}


def test_engines_words_change_the_status_until_they_fall_silent(desk: Desk) -> None:
    desk.save("shop")
    desk.ledger.next_bundle(SHOP, NOTHING)
    desk.ledger.take_unwritten()
    assert desk.ledger.status(SHOP).phase is Phase.WARNING

    desk.ledger.hear(acknowledgement(desk))
    assert desk.ledger.take_unwritten().statuses == {SHOP}
    assert desk.ledger.status(SHOP).phase is Phase.ACTIVE
    assert desk.ledger.status(SHOP).in_sync == (POD,)

    desk.ledger.hear(acknowledgement(desk))
    assert not desk.ledger.take_unwritten()  # a repetition is no news

    desk.clock.seconds += SILENCE + 1
    desk.ledger.forget_silent()
    assert desk.ledger.take_unwritten().statuses == {SHOP}
    assert desk.ledger.status(SHOP).in_sync == ()


def test_what_waits_to_be_written_is_counted_by_kind(desk: Desk) -> None:
    desk.save("shop")
    assert desk.ledger.waiting() == {"bundles": 1, "statuses": 0, "assignments": 1, "removals": 0}
    desk.ledger.take_unwritten()
    assert set(desk.ledger.waiting().values()) == {0}


def test_a_refused_bundle_is_an_error_of_the_gateway(desk: Desk) -> None:
    desk.save("shop")
    desk.ledger.next_bundle(SHOP, NOTHING)
    old = acknowledgement(desk)
    desk.save("shop", port=8081)
    desk.ledger.next_bundle(SHOP, NOTHING)
    refused = Acknowledgement(
        POD, "i", "1", Assigned(SHOP), old.serving, Rejected("not_applicable", "too much"), 0.0
    )
    desk.ledger.hear(refused)
    assert desk.ledger.status(SHOP).phase is Phase.ERROR
    assert "too much" in str(desk.ledger.status(SHOP).conditions)


def test_new_problems_are_logged_once(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.save("shop", port="many")
    desk.save("shop", port="many")
    desk.pipeline.replace_file("x.yaml", "[")
    desk.ledger.take(desk.pipeline.changes())
    messages = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len([text for text in messages if "containerPort" in text]) == 1
    assert len([text for text in messages if "x.yaml" in text]) == 1


KEYS = (new_signing_key(), new_signing_key())
SEALING = (new_namespace_key(), new_namespace_key())
RING = KeyRing(map(verify_key, KEYS), SEALING)


def authority(signing: int, sealing: int = 0) -> Authority:
    return Authority(KEYS[signing], {Namespace("shop"): SEALING[sealing]})


def test_new_keys_have_everything_signed_anew_once(desk: Desk) -> None:
    desk.ledger.use(authority(0), RING)
    desk.save("shop")
    first = desk.ledger.next_bundle(SHOP, NOTHING)
    assert first is not None
    assigned = desk.ledger.next_assignment(POD)
    assert desk.ledger.next_assignment(POD) == assigned
    desk.ledger.take_unwritten()

    desk.ledger.use(authority(0), RING)  # another namespace got keys: nothing here changes
    assert not desk.ledger.take_unwritten()
    assert desk.ledger.next_bundle(SHOP, first.generation) is None

    desk.ledger.use(authority(1), RING)
    unwritten = desk.ledger.take_unwritten()
    assert (unwritten.bundles, unwritten.assignments) == ({SHOP}, {POD})
    second = desk.ledger.next_bundle(SHOP, first.generation)
    assert second is not None
    assert second.generation > first.generation
    assert wire.peek(second.data).digest == wire.peek(first.data).digest
    assert desk.ledger.next_bundle(SHOP, second.generation) is None
    again = wire.read_assignment(desk.ledger.next_assignment(POD))
    assert again.generation > wire.read_assignment(assigned).generation
    assert again.floor == second.generation
    only_new = KeyRing([verify_key(KEYS[1])])
    wire.verify(second.data, SHOP, only_new)


def test_the_last_good_bundle_of_a_broken_gateway_goes_with_the_keys(desk: Desk) -> None:
    desk.ledger.use(authority(0), RING)
    desk.save("shop")
    first = desk.ledger.next_bundle(SHOP, NOTHING)
    assert first is not None
    desk.save("shop", port="many")
    desk.ledger.use(authority(1, sealing=1), RING)
    second = desk.ledger.next_bundle(SHOP, first.generation)
    assert second is not None
    _, config = wire.open_bundle(second.data, SHOP, KeyRing([verify_key(KEYS[1])], [SEALING[1]]))
    assert config == wire.open_bundle(first.data, SHOP, RING)[1]
    assert desk.ledger.status(SHOP).phase is Phase.ERROR


def test_what_somebody_else_signed_is_not_adopted(desk: Desk) -> None:
    stranger = Desk(desk.clock)
    ring = KeyRing([verify_key(KEYS[1])])
    stranger.ledger.use(authority(1), ring)
    stranger.save("shop")
    forged = stranger.ledger.next_bundle(SHOP, NOTHING)
    assert forged is not None

    desk.ledger.use(authority(0), KeyRing([verify_key(KEYS[0])]))
    desk.save("shop")
    assert not desk.ledger.adopt(SHOP, stored(forged))
    desk.ledger.adopt_assignment(POD, stranger.ledger.next_assignment(POD))
    bundle = desk.ledger.next_bundle(SHOP, NOTHING)
    assert bundle is not None
    wire.open_assignment(desk.ledger.next_assignment(POD), POD, UNKNOWN_UID, KeyRing([verify_key(KEYS[0])]))


def test_a_restarted_reconciler_says_nothing_twice(desk: Desk) -> None:
    desk.save("shop")
    said = desk.ledger.next_assignment(POD)
    restarted = Desk(desk.clock)
    restarted.clock.milliseconds += 1000
    restarted.save("shop")
    restarted.ledger.adopt_assignment(POD, said)
    assert restarted.ledger.next_assignment(POD) == said


def test_a_pod_that_comes_back_under_its_name_is_another(desk: Desk) -> None:
    desk.save("shop")
    desk.ledger.identify(POD, PodUid("first"))
    desk.ledger.next_bundle(SHOP, NOTHING)
    first = wire.read_assignment(desk.ledger.next_assignment(POD))
    said = msgspec.structs.replace(acknowledgement(desk), uid=PodUid("first"))
    desk.ledger.hear(said)
    assert desk.ledger.status(SHOP).in_sync == (POD,)
    desk.ledger.take_unwritten()

    desk.ledger.identify(POD, PodUid("second"))
    unwritten = desk.ledger.take_unwritten()
    assert (unwritten.assignments, unwritten.statuses) == ({POD}, {SHOP})
    assert desk.ledger.status(SHOP).in_sync == ()
    second = wire.read_assignment(desk.ledger.next_assignment(POD))
    assert (first.uid, second.uid) == ("first", "second")
    assert second.generation > first.generation

    desk.ledger.hear(msgspec.structs.replace(said, uid=UNKNOWN_UID))
    assert desk.ledger.status(SHOP).in_sync == (), "an engine that does not know its pod speaks for none"
    desk.ledger.hear(msgspec.structs.replace(said, uid=PodUid("second")))
    assert desk.ledger.status(SHOP).in_sync == (POD,)
