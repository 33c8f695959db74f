"""Every kind through a real API server into the validating webhook: created and updated, right and wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import kube_webhook
import pytest
from chain import eventually
from kube_api_server import KubeApiServer
from kube_webhook import POD, Webhook

from microgateway_cli.processes import free_port
from microgateway_common.resources.metadata import API_VERSION
from microgateway_common.resources.registry import KINDS

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

Spec = dict[str, Any]

REGEX = {"matcher": {"regex": "("}}


class Wrong(NamedTuple):
    """field: which the answer has to name. said: what else it has to say."""

    kind: str
    spec: Spec
    field: str
    said: str


def gateway(**downstream: Any) -> Spec:
    return {"applications": [{"downstream": downstream}]}


def blocked(**data: Any) -> Spec:
    return {"request": {"builtIn": {"exceptions": [{"blockedData": data}]}}}


WRONG = [
    Wrong(
        "SidecarGateway",
        gateway(remoteIP={"xff": {"trustedCIDRRanges": ["10.0.0.0/8", "10.0.0.0/33"]}}),
        "spec.applications[0].downstream.remoteIP.xff.trustedCIDRRanges[1]",
        'expected a CIDR range such as 10.0.0.0/8 or fd00::/8, got "10.0.0.0/33"',
    ),
    Wrong(
        "SidecarGateway",
        gateway(timeouts={"http": {"idle": "-5s"}}),
        "spec.applications[0].downstream.timeouts.http.idle",
        'expected a duration that is not negative, got "-5s"',
    ),
    Wrong(
        "DenyRules",
        {"request": {"custom": {"rules": [{"ruleKey": "A", "blockData": {"path": REGEX}}]}}},
        "spec.request.custom.rules[0].blockData.path.matcher.regex",
        'expected a regular expression in RE2 syntax, got "("',
    ),
    Wrong(
        "DenyRules",
        blocked(json={"jsonPath": "$..[?(@.x)]"}),
        "spec.request.builtIn.exceptions[0].blockedData.json.jsonPath",
        "expected a JSONPath without filter expressions",
    ),
    Wrong(
        "DenyRules",
        {"request": {"builtIn": {"exceptions": [
            {"requestConditions": {"remoteIP": {"cidrRanges": ["::/200"]}}}]}}},
        "spec.request.builtIn.exceptions[0].requestConditions.remoteIP.cidrRanges[0]",
        'got "::/200"',
    ),
    Wrong(
        "Limits",
        {"request": {"limited": {"exceptions": [{"length": {"json": {"jsonPath": "a.b"}}}]}}},
        "spec.request.limited.exceptions[0].length.json.jsonPath",
        "expected a JSONPath that starts with $",
    ),
    Wrong(
        "Limits",
        {"request": {"limited": {"general": {"bodySize": "-1"}}}},
        "spec.request.limited.general.bodySize",
        "expected a quantity that is not negative",
    ),
    Wrong(
        "HeaderRewrites",
        {"request": {"remove": {"custom": [{"name": "x", "headers": [{"name": REGEX}]}]}}},
        "spec.request.remove.custom[0].headers[0].name.matcher.regex",
        "expected a regular expression in RE2 syntax",
    ),
    Wrong(
        "HeaderRewrites",
        {"request": {"add": {"custom": [{"name": "x", "headers": [{"name": "X", "value": "%NOPE%"}]}]}}},
        "spec.request.add.custom[0].headers[0].value",
        "expected a command operator, got %NOPE%",
    ),
    Wrong(
        "Parser",
        {"request": {"parsers": {"json": {"mediaTypePattern": "("}}}},
        "spec.request.parsers.json.mediaTypePattern",
        "expected a regular expression in RE2 syntax",
    ),
    Wrong(
        "Telemetry",
        {"logging": {"accessLog": {"format": {"json": {"a": "%NOPE%"}}}}},
        "spec.logging.accessLog.format.json.a",
        "expected a command operator, got %NOPE%",
    ),
    # The schema's: all of this kind are references, which the webhook warns of.
    Wrong(
        "ContentSecurity",
        {"limitsRef": {"name": ""}},
        "spec.limitsRef.name",
        "should be at least 1 chars long",
    ),
]  # fmt: skip

#: The smallest valid spec of each kind.
RIGHT: dict[str, Spec] = {kind: {} for kind in KINDS} | {"SidecarGateway": {"applications": [{}]}}


class Objects:
    """Objects of a namespace, by HTTP: kubectl would check some of it by itself."""

    def __init__(self, cluster: KubeApiServer) -> None:
        self._http = cluster.http

    def create(self, kind: str, name: str, spec: Spec) -> httpx.Response:
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
        return self._http.post(self._path(kind), json=body)

    def replace(self, kind: str, name: str, spec: Spec) -> httpx.Response:
        body = self._http.get(self._path(kind, name)).raise_for_status().json()
        return self._http.put(self._path(kind, name), json={**body, "spec": spec})

    def patch(self, kind: str, name: str, patch: dict[str, Any]) -> httpx.Response:
        headers = {"Content-Type": "application/merge-patch+json"}
        return self._http.patch(self._path(kind, name), content=json.dumps(patch), headers=headers)

    def spec(self, kind: str, name: str) -> Spec:
        found: Spec = self._http.get(self._path(kind, name)).raise_for_status().json()["spec"]
        return found

    def delete(self, kind: str, name: str) -> None:
        self._http.delete(self._path(kind, name)).raise_for_status()

    def _path(self, kind: str, name: str = "") -> str:
        return f"/apis/{API_VERSION}/namespaces/shop/{KINDS[kind].PLURAL}/{name}".rstrip("/")


@pytest.fixture(scope="module")
def objects(cluster: KubeApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Objects]:
    port = free_port()
    kube_webhook.install(cluster, port)
    webhook = Webhook(cluster, tmp_path_factory.mktemp("webhook"), port)
    webhook.start()
    made = Objects(cluster)
    try:
        webhook.await_serving()
        eventually(lambda: asks(cluster, made), "the API server to ask the webhook")
        yield made
    finally:
        webhook.close()


def asks(cluster: KubeApiServer, objects: Objects) -> bool:
    """Whether the API server has noticed both configurations."""
    pods = cluster.http.post("/api/v1/namespaces/shop/pods?dryRun=All", json=POD)
    wrong = objects.create("Limits", "first", {"request": {"limited": {"general": {"bodySize": "-1"}}}})
    if wrong.status_code == 201:
        objects.delete("Limits", "first")
    return pods.status_code == 201 and wrong.status_code == 422


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.kind}-{wrong.field.split('.')[-1]}")
def test_what_is_wrong_is_denied_with_its_field_when_created_and_when_updated(
    objects: Objects, wrong: Wrong
) -> None:
    name = "right"
    assert objects.create(wrong.kind, name, RIGHT[wrong.kind]).status_code == 201
    before = objects.spec(wrong.kind, name)
    try:
        for answer in (
            objects.create(wrong.kind, "wrong", wrong.spec),
            objects.replace(wrong.kind, name, wrong.spec),
            objects.patch(wrong.kind, name, {"spec": wrong.spec}),
        ):
            assert answer.status_code == 422, answer.text
            status = answer.json()
            assert status["reason"] == "Invalid"
            assert wrong.field in status["message"]
            assert wrong.said in status["message"]
            assert wrong.field in [cause["field"] for cause in status["details"]["causes"]]
        assert objects.spec(wrong.kind, name) == before
    finally:
        objects.delete(wrong.kind, name)


def test_every_kind_is_among_them() -> None:
    assert {wrong.kind for wrong in WRONG} == set(KINDS) == set(RIGHT)


def test_references_to_nothing_are_warnings_that_name_the_field(objects: Objects) -> None:
    references = {"limitsRef": "Limits", "headerRewritesRef": "HeaderRewrites", "parserRef": "Parser"}
    policy = {
        "filter": {"denyRulesRef": {"name": "absent"}},
        **{field: {"name": "absent"} for field in references},
    }
    route = {"pathPrefix": "/", "secured": {"contentSecurityRef": {"name": "absent"}}}
    gateway = {"applications": [{"telemetryRef": {"name": "absent"}, "routes": [route]}]}
    expected: dict[str, tuple[Spec, dict[str, str]]] = {
        "ContentSecurity": (
            policy,
            {"spec.filter.denyRulesRef.name": "DenyRules"}
            | {f"spec.{field}.name": kind for field, kind in references.items()},
        ),
        "SidecarGateway": (
            gateway,
            {
                "spec.applications[0].telemetryRef.name": "Telemetry",
                "spec.applications[0].routes[0].secured.contentSecurityRef.name": "ContentSecurity",
            },
        ),
    }
    for kind, (spec, fields) in expected.items():
        created = objects.create(kind, "dangling", spec)
        updated = objects.patch(kind, "dangling", {"metadata": {"labels": {"changed": "yes"}}})
        for answer, status in ((created, 201), (updated, 200)):
            assert answer.status_code == status, answer.text
            warnings = "\n".join(answer.headers.get_list("Warning"))
            for field, target in fields.items():
                said = f"{field}: expected a {target} named absent in namespace shop, got none yet"
                assert said in warnings
        objects.delete(kind, "dangling")


def test_an_object_that_was_stored_before_it_was_wrong_can_still_be_labelled(
    cluster: KubeApiServer, objects: Objects
) -> None:
    """As after an upgrade that refuses more: finalizers and labels must not be held up."""
    kind, name = "validatingwebhookconfiguration", "microgateway-webhook"
    configuration = cluster.kubectl("get", kind, name, "-o", "json")
    cluster.kubectl("delete", kind, name)
    wrong = {"request": {"limited": {"general": {"bodySize": "-1"}}}}

    def is_stored() -> bool:
        return objects.create("Limits", "old", wrong).status_code == 201

    eventually(is_stored, "the API server to ask nobody")
    found = json.loads(configuration)
    for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        found["metadata"].pop(field, None)
    cluster.apply(json.dumps(found))
    eventually(lambda: asks(cluster, objects), "the API server to ask the webhook again")

    labelled = objects.patch("Limits", "old", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.status_code == 200
    assert "spec.request.limited.general.bodySize" in labelled.headers["Warning"]
    further = {"request": {"limited": {"general": {"bodySize": "-2"}}}}
    assert objects.patch("Limits", "old", {"spec": further}).status_code == 422
    objects.delete("Limits", "old")
