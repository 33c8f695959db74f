"""Secrets on the API server: read when a gateway refers to them, and whenever they change."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import ssl
from typing import Any

import pytest
from certificates import Certified, authority, pem
from chain import eventually
from kube_chain import ACCOUNT, ACCOUNT_NAMESPACE, Engine, KubeChain

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

USER = f"system:serviceaccount:{ACCOUNT_NAMESPACE}:{ACCOUNT}"

#: Seconds until an engine has compiled the rules, which no test before it may have done.
COLD_START = 60.0

CA = authority()


def secret(chain: KubeChain, name: str, server: Certified) -> dict[str, Any]:
    entries = {"tls.crt": server.pem, "tls.key": server.key_pem}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": chain.namespace},
        "data": {key: base64.b64encode(value).decode() for key, value in entries.items()},
    }


def speak_tls(chain: KubeChain, name: str) -> None:
    tls = {"enable": True, "secretRef": {"name": name}}
    spec = chain.read("SidecarGateway", "shop")["spec"]
    spec["applications"][0]["downstream"] = {"tls": tls}
    chain.apply(chain.object("SidecarGateway", "shop", spec))


def shows(engine: Engine, server: Certified) -> bool:
    try:
        shown = ssl.get_server_certificate(("127.0.0.1", engine.port), timeout=5)
    except (OSError, TimeoutError):
        return False
    return shown == pem(server.certificate).decode()


def test_a_renewed_secret_reaches_the_engine_and_no_other_is_read(chain: KubeChain) -> None:
    first, renewed = (CA.leaf("shop.example") for _ in range(2))
    chain.apply_shop()
    chain.apply(secret(chain, "unrelated", first))
    reconciler = chain.reconciler()
    engine = chain.engine("shop-0")
    eventually(engine.is_ready, "the engine to be ready", COLD_START)

    speak_tls(chain, "shop-tls")
    dangling = chain.await_condition("SidecarGateway", "shop", "Programmed", "False", "Invalid")
    assert dangling["status"] == "False"
    assert engine.status_of("/products") == 200  # as before, until there is a certificate

    chain.apply(secret(chain, "shop-tls", first))
    eventually(lambda: shows(engine, first), "the certificate to be shown")
    for server in itertools.islice(itertools.cycle((renewed, first)), 4):
        chain.apply(secret(chain, "shop-tls", server))
        eventually(functools.partial(shows, engine, server), "the renewed certificate to be shown")

    chain.cluster.kubectl("delete", "secret", "-n", chain.namespace, "shop-tls")
    chain.await_condition("SidecarGateway", "shop", "Programmed", "False", "Invalid")
    assert shows(engine, first)

    asked = {
        event["objectRef"].get("name")
        for event in chain.cluster.asked(USER)
        if event["objectRef"]["resource"] == "secrets" and event["verb"] == "get"
        if event["objectRef"].get("namespace") == chain.namespace
    }
    assert asked == {"shop-tls"}
    key = first.key_pem.splitlines()[1].decode()
    assert not any(key in json.dumps(event) for event in reconciler.events())
    assert key not in json.dumps(chain.read("SidecarGateway", "shop"))
