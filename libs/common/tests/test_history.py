from __future__ import annotations

import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.history import (
    MOST_BYTES,
    MOST_CHANGES,
    MOST_ENTRIES,
    Change,
    FieldManager,
    History,
    InFile,
    NobodyKnown,
    ObjectVersion,
    changes_between,
    decode_configuration,
    decode_history,
    encode_configuration,
    encode_history,
    grown,
)
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.origin import ResourceOrigin
from microgateway_common.names import Digest, Generation, gateway_key
from microgateway_common.problems import ObjectRef


def version(name: str, fingerprint: str = "a") -> ObjectVersion:
    writer = FieldManager("kubectl", "2026-01-01T00:00:00Z")
    return ObjectVersion(ObjectRef("Limits", "shop", name), 3, "17", fingerprint, writer)


def after(history: History, number: int, *objects: ObjectVersion, size: int = 10) -> History:
    return grown(history, Generation(number), Digest(f"sha256:{number}"), objects, "1.0", size)


def test_history_begins_without_changes() -> None:
    (entry,) = after(History(), 1, version("a")).entries
    assert (entry.generation, entry.since, entry.changes, entry.compiled_by) == (1, 0, (), "1.0")


def test_an_entry_names_what_came_changed_and_went_since_the_one_before() -> None:
    begun = after(History(), 1, version("kept"), version("changed"), version("gone"))
    newest, _ = after(begun, 2, version("new"), version("changed", "b"), version("kept")).entries
    assert newest.since == 1
    assert [(each.change, each.object.ref.name) for each in newest.changes] == [
        (Change.CHANGED, "changed"),
        (Change.REMOVED, "gone"),
        (Change.ADDED, "new"),
    ]
    assert newest.changes[0].object.fingerprint == "b"


def test_other_metadata_of_the_same_content_is_no_change() -> None:
    relabelled = msgspec.structs.replace(version("a"), resource_version="18", writer=NobodyKnown())
    assert changes_between([version("a")], [relabelled]) == ()


def test_the_oldest_entries_go_first() -> None:
    history = History()
    for number in range(1, MOST_ENTRIES + 5):
        history = after(history, number, version("a"))
    assert [each.generation for each in history.entries] == list(range(MOST_ENTRIES + 4, 4, -1))


@given(st.lists(st.integers(0, MOST_BYTES), min_size=1, max_size=MOST_ENTRIES * 2))
def test_it_holds_no_more_than_its_bounds_and_always_the_newest(sizes: list[int]) -> None:
    history = History()
    for number, size in enumerate(sizes, start=1):
        history = after(history, number, size=size)
        assert history.entries[0].generation == number
        assert len(history.entries) <= MOST_ENTRIES
        assert sum(each.size for each in history.entries) <= MOST_BYTES


def test_of_very_many_changes_some_are_counted_only() -> None:
    objects = [version(f"n{number:04}") for number in range(MOST_CHANGES + 7)]
    newest = after(after(History(), 1), 2, *objects).entries[0]
    assert (len(newest.changes), newest.more) == (MOST_CHANGES, 7)


def test_a_history_is_read_as_it_was_written() -> None:
    file = ObjectVersion(ObjectRef("Secret", "shop", "tls"), 0, "", "x", InFile("a/b.yaml"))
    history = after(after(History(), 1, version("a"), file), 2, version("a", "b"))
    assert decode_history(encode_history(history)) == history
    assert history.entry(Generation(1)) == history.entries[1]
    assert history.entry(Generation(3)) is None


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"entries":[{}]}', b'{"entries":"\xff"}', b"[" * 100_000]
)
def test_what_is_no_history_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_history(data)


def test_a_configuration_is_kept_without_its_secrets() -> None:
    origin = ResourceOrigin("SidecarGateway", "shop", "web", 3)
    config = GatewayConfig(gateway_key("shop", "web"), origin, {}, (), {"shop/tls:tls.key": b"hunter2"})
    data = encode_configuration(config)
    assert b"hunter2" not in zlib.decompress(data)
    kept: Any = decode_configuration(data)
    assert kept["secrets"] == {"shop/tls:tls.key": ""}
    assert kept["gateway"] == "shop/web"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        zlib.compress(b"{}")[:-3],
        zlib.compress(b"{"),
        zlib.compress(b"\0" * (64 * 1024 * 1024 + 1)),
    ],
    ids=["nothing", "something", "cut", "no JSON", "a bomb"],
)
def test_what_is_no_configuration_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_configuration(data)
