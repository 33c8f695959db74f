from __future__ import annotations

from microgateway_common.history import History, grown
from microgateway_common.names import Digest, Generation, gateway_key
from microgateway_reconciler.archive.memory import Memory

WEB, API = gateway_key("shop", "web"), gateway_key("shop", "api")


def recorded(memory: Memory, gateway: str, number: int, data: bytes = b"12345") -> None:
    key = gateway_key("shop", gateway)
    digest = Digest(f"sha256:{number}")
    memory.put(key, grown(memory.history(key), Generation(number), digest, (), "1", len(data)), data)


def test_what_was_recorded_is_remembered() -> None:
    memory = Memory()
    assert (memory.history(WEB), memory.configurations(WEB)) == (History(), {})
    recorded(memory, "web", 1)
    recorded(memory, "web", 2, b"two")
    recorded(memory, "api", 2, b"")
    assert memory.configurations(WEB) == {1: b"12345", 2: b"two"}
    assert (memory.configurations(API), len(memory.history(API).entries)) == ({}, 1)


def test_configurations_go_with_their_entries() -> None:
    memory = Memory()
    for number in range(1, 31):
        recorded(memory, "web", number)
    assert sorted(memory.configurations(WEB)) == list(range(11, 31))


def test_beyond_its_bound_the_oldest_configurations_are_forgotten() -> None:
    memory = Memory(most=12)
    recorded(memory, "web", 1)
    recorded(memory, "api", 1)
    recorded(memory, "web", 2)
    assert memory.configurations(WEB) == {2: b"12345"}
    assert memory.configurations(API) == {1: b"12345"}
    assert len(memory.history(WEB).entries) == 2


def test_what_another_leader_has_written_counts() -> None:
    memory = Memory()
    recorded(memory, "web", 1)
    recorded(memory, "web", 2)
    theirs = grown(History(), Generation(2), Digest("sha256:2"), (), "1", 5)
    memory.adopt(WEB, theirs)
    assert (memory.history(WEB), memory.configurations(WEB)) == (theirs, {2: b"12345"})


def test_gateways_that_are_gone_are_forgotten() -> None:
    memory = Memory(most=12)
    recorded(memory, "web", 1)
    recorded(memory, "api", 1)
    memory.forget_others({API})
    assert memory.history(WEB) == History()
    recorded(memory, "api", 2)
    assert sorted(memory.configurations(API)) == [1, 2]
