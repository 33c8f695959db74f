"""Batches through the reconciler, with the Secrets that their gateways refer to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from certificates import authority

from microgateway_common.names import GatewayKey
from microgateway_common.problems import ObjectRef
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.pipeline import Changes
from microgateway_reconciler.reconciler import Reconciler
from microgateway_reconciler.settings import parse
from microgateway_reconciler.sources.changes import ObjectChange, ObjectPresent

SHOP = GatewayKey("shop/shop")
SECRET = ObjectRef("Secret", "shop", "shop-tls")
SERVER = authority().leaf("shop.example")


def present(kind: str, name: str, **rest: Any) -> ObjectPresent:
    version = "v1" if kind == "Secret" else "microgateway.airlock.com/v1alpha1"
    raw = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, **rest}
    return ObjectPresent(ObjectRef(kind, "shop", name), raw, name, 1, {})


TLS = {"enable": True, "secretRef": {"name": "shop-tls"}}
GATEWAY = present("SidecarGateway", "shop", spec={"applications": [{"downstream": {"tls": TLS}}]})
FOUND = present(
    "Secret", "shop-tls", stringData={"tls.crt": SERVER.pem.decode(), "tls.key": SERVER.key_pem.decode()}
)


@pytest.fixture
def reconciler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reconciler:
    monkeypatch.setenv("MICROGATEWAY_TRUST", "unsigned")
    return Reconciler(parse(["--manifests", str(tmp_path)]))


async def test_a_batch_is_taken_in_with_the_secrets_it_needs(reconciler: Reconciler) -> None:
    asked: list[frozenset[ObjectRef]] = []
    taken: list[tuple[list[ObjectChange], Changes]] = []

    async def batches() -> AsyncIterator[list[ObjectChange]]:
        yield [GATEWAY]
        await asyncio.sleep(30)

    async def read_secrets(needed: frozenset[ObjectRef]) -> list[ObjectChange]:
        asked.append(needed)
        return [FOUND] if len(asked) == 1 else []

    following = asyncio.create_task(
        reconciler.follow(batches(), lambda *each: taken.append(each), list, read_secrets)
    )
    while not taken:  # noqa: ASYNC110 - a callback, not an event
        await asyncio.sleep(0.005)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)

    [(batch, changes)] = taken
    assert batch == [GATEWAY, FOUND]
    assert isinstance(changes.outcomes[SHOP].configuration, Compiled)
    assert asked == [frozenset({SECRET})] * 2
    assert reconciler.ledger.entries[SHOP].outcome.problems == ()
