"""Who changed what, by the word of a real API server, with its managers and its versions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from certificates import authority
from chain import eventually
from kube_chain import KubeChain
from redis import Redis

from microgateway_common.bus import keys
from microgateway_common.history import Change, Entry, FieldManager, History, decode_history
from microgateway_common.mirror import Manifest, Mirrored, SecretNames, decode_mirrored
from microgateway_common.names import gateway_key
from microgateway_common.problems import ObjectRef

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]


def history(chain: KubeChain) -> History:
    with Redis.from_url(chain.redis.url) as redis:
        data = redis.get(keys.history(gateway_key(chain.namespace, "shop")))
    return History() if data is None else decode_history(bytes(data))


def mirrored(chain: KubeChain, kind: str, name: str) -> Mirrored | None:
    with Redis.from_url(chain.redis.url) as redis:
        data = redis.get(keys.source(ObjectRef(kind, chain.namespace, name)))
    return None if data is None else decode_mirrored(bytes(data))


def await_entry(chain: KubeChain, count: int) -> Entry:
    """The newest of so many."""
    eventually(lambda: len(history(chain).entries) == count, f"{count} entries in the history")
    return history(chain).entries[0]


def patch(chain: KubeChain, kind: str, name: str, manager: str, spec: dict[str, Any]) -> dict[str, Any]:
    """As somebody with that name; the object after it."""
    answer = chain.cluster.http.patch(
        chain.path(kind, name),
        params={"fieldManager": manager},
        content=json.dumps({"spec": spec}),
        headers={"Content-Type": "application/merge-patch+json"},
    )
    answer.raise_for_status()
    patched: dict[str, Any] = answer.json()
    return patched


def time_of(patched: dict[str, Any], manager: str) -> str:
    """When the API server says that somebody wrote."""
    times = [each["time"] for each in patched["metadata"]["managedFields"] if each["manager"] == manager]
    return str(times[-1])


LOG_ONLY = {"settings": {"threatHandlingMode": "LogOnly"}}
BLOCK = {"settings": {"threatHandlingMode": "Block"}}


@pytest.fixture
def watched(chain: KubeChain) -> KubeChain:
    """The shop, whose history has begun."""
    chain.apply_shop()
    chain.reconciler()
    assert await_entry(chain, 1).since == 0
    return chain


def test_an_entry_names_manager_time_and_version_of_what_changed(watched: KubeChain) -> None:
    chain = watched
    patched = patch(chain, "Limits", "shop", "alice", LOG_ONLY)
    (change,) = await_entry(chain, 2).changes
    assert (change.change, change.object.ref) == (
        Change.CHANGED,
        ObjectRef("Limits", chain.namespace, "shop"),
    )
    assert change.object.generation == patched["metadata"]["generation"] == 2
    assert change.object.resource_version == patched["metadata"]["resourceVersion"]
    assert change.object.writer == FieldManager("alice", time_of(patched, "alice"))

    # The reconciler's own word about the object is no change of it, nor is a label.
    eventually(lambda: chain.condition("Limits", "shop", "Programmed"), "the reconciler's word")
    chain.patch("Limits", "shop", {"metadata": {"labels": {"team": "shop"}}})
    patched = patch(chain, "Limits", "shop", "bob", BLOCK)
    (change,) = await_entry(chain, 3).changes
    assert change.object.writer == FieldManager("bob", time_of(patched, "bob"))
    assert change.object.resource_version == patched["metadata"]["resourceVersion"]


def test_what_a_gateway_refers_to_now_was_added_and_what_it_did_was_removed(watched: KubeChain) -> None:
    chain = watched
    chain.apply(chain.object("Limits", "other", LOG_ONLY))
    patch(chain, "ContentSecurity", "shop", "alice", {"limitsRef": {"name": "other"}})
    changes = {
        each.object.ref.name + "/" + each.object.ref.kind: each for each in await_entry(chain, 2).changes
    }
    assert {name: each.change for name, each in changes.items()} == {
        "other/Limits": Change.ADDED,
        "shop/Limits": Change.REMOVED,
        "shop/ContentSecurity": Change.CHANGED,
    }
    writer = changes["shop/ContentSecurity"].object.writer
    assert isinstance(writer, FieldManager)
    assert writer.manager == "alice"


def test_a_replaced_secret_is_named_and_never_shown(watched: KubeChain) -> None:
    chain = watched

    def put(host: str) -> bytes:
        certified = authority().leaf(host)
        data = {"tls.crt": certified.pem.decode(), "tls.key": certified.key_pem.decode()}
        metadata = {"name": "tls", "namespace": chain.namespace}
        chain.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
        return certified.key_pem

    first = put("one.example")
    applications = chain.read("SidecarGateway", "shop")["spec"]["applications"]
    applications[0].setdefault("downstream", {})["tls"] = {"enable": True, "secretRef": {"name": "tls"}}
    patch(chain, "SidecarGateway", "shop", "alice", {"applications": applications})
    await_entry(chain, 2)
    second = put("two.example")
    (change,) = await_entry(chain, 3).changes
    assert (change.change, change.object.ref.kind, change.object.ref.name) == (
        Change.CHANGED,
        "Secret",
        "tls",
    )
    assert isinstance(change.object.writer, FieldManager)
    assert mirrored(chain, "Secret", "tls") == SecretNames(
        ObjectRef("Secret", chain.namespace, "tls"), ("tls.crt", "tls.key")
    )
    with Redis.from_url(chain.redis.url) as redis:
        for pattern in (keys.ALL_HISTORIES, keys.ALL_SOURCES):
            for key in redis.scan_iter(match=pattern):
                held = bytes(redis.get(key) or b"")
                for line in (*first.splitlines()[1:-1], *second.splitlines()[1:-1]):
                    assert line not in held


def test_the_mirror_follows_objects_that_nobody_refers_to(watched: KubeChain) -> None:
    chain = watched
    chain.apply(chain.object("Limits", "unused", LOG_ONLY))

    def spec() -> object:
        found = mirrored(chain, "Limits", "unused")
        return found.raw["spec"] if isinstance(found, Manifest) else None

    eventually(lambda: spec() == LOG_ONLY, "the new object")
    patch(chain, "Limits", "unused", "alice", BLOCK)
    eventually(lambda: spec() == BLOCK, "the changed object")
    chain.cluster.kubectl("delete", "limits.microgateway.airlock.com", "unused", "-n", chain.namespace)
    eventually(lambda: mirrored(chain, "Limits", "unused") is None, "the object to be gone")


def test_the_next_leader_goes_on_with_the_history(chain: KubeChain) -> None:
    chain.apply_shop()
    first = chain.reconciler()
    await_entry(chain, 1)
    second = chain.reconciler()
    chain.stop(first)
    second.await_lead()
    patch(chain, "Limits", "shop", "alice", LOG_ONLY)
    entry = await_entry(chain, 2)
    assert [each.object.ref.kind for each in entry.changes] == ["Limits"]
    assert entry.since == history(chain).entries[1].generation
