"""From a publication to an engine that serves it, as the ledger sees both."""

from __future__ import annotations

import msgspec

from microgateway_common.bus.messages import Acknowledgement, Applied, Assigned, NothingRejected
from microgateway_common.bus.publisher import StoredBundle
from microgateway_common.names import Generation, gateway_key, pod_key
from microgateway_common.status import Published

from .conftest import Desk

SHOP, POD = gateway_key("shop", "shop"), pod_key("shop", "shop-0")
NOTHING = Generation(0)


def acknowledgement(desk: Desk) -> Acknowledgement:
    state = desk.ledger.entries[SHOP].published
    assert isinstance(state, Published)
    serving = Applied(state.generation, state.digest)
    return Acknowledgement(POD, "i", "1", Assigned(SHOP), serving, NothingRejected(), 0.0)


def test_what_is_published_is_timed_until_an_engine_serves_it(desk: Desk) -> None:
    taken: list[float] = []
    desk.ledger.latency.on_acknowledged = taken.append
    desk.save("shop")
    desk.ledger.next_bundle(SHOP, NOTHING)
    desk.clock.seconds += 3600
    desk.ledger.hear(acknowledgement(desk))
    assert taken == []  # an engine that is new has waited for nothing

    before = acknowledgement(desk)
    desk.save("shop", port=8081)
    desk.ledger.next_bundle(SHOP, NOTHING)
    desk.clock.seconds += 0.25
    desk.ledger.hear(before)
    assert taken == []
    now = acknowledgement(desk)
    for _ in range(2):
        desk.ledger.hear(now)
    assert taken == [0.25]

    desk.save("shop", port=8082)
    desk.ledger.next_bundle(SHOP, NOTHING)
    desk.ledger.hear(msgspec.structs.replace(acknowledgement(desk), instance="another run"))
    assert taken == [0.25]


def test_what_another_reconciler_published_is_not_timed(desk: Desk) -> None:
    desk.save("shop")
    first = desk.ledger.next_bundle(SHOP, NOTHING)
    assert first is not None
    before = acknowledgement(desk)
    desk.save("shop", port=8081)
    second = desk.ledger.next_bundle(SHOP, NOTHING)
    assert second is not None

    successor = Desk(desk.clock)
    taken: list[float] = []
    successor.ledger.latency.on_acknowledged = taken.append
    successor.save("shop", port=8081)
    assert successor.ledger.adopt(SHOP, StoredBundle(str(second.generation).encode(), second.data))
    successor.ledger.hear(before)
    successor.ledger.hear(acknowledgement(desk))
    assert taken == []
