"""Who may ask the config-api what, by the word of a real API server."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

import httpx
import pytest
from chain import BIN, eventually
from guarded import AUDIENCE, BANK, HOME, SHOP, Guarded
from viewers import create_account

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

#: Seconds until what the API server said is asked again, and some.
FORGETTING = 30.0


@pytest.mark.parametrize("audiences", [(), (AUDIENCE,), ("elsewhere", AUDIENCE)])
def test_who_may_see_everything_does(guarded: Guarded, audiences: tuple[str, ...]) -> None:
    overseer = guarded.token("overseer", *audiences)
    for noun in ("gateways", "engines"):
        assert guarded.names(noun, overseer) == [BANK, SHOP]
    assert guarded.ask("/api/v1/problems", overseer).json()["total"] == 3
    viewer = guarded.ask("/api/v1/viewer", overseer).json()
    assert viewer == {"name": f"system:serviceaccount:{HOME}:overseer", "sees_everything": True}


def test_who_may_see_a_namespace_sees_that_and_no_trace_of_another(guarded: Guarded) -> None:
    shopkeeper = guarded.token("shopkeeper", AUDIENCE)
    for noun in ("gateways", "engines"):
        assert guarded.names(noun, shopkeeper) == [SHOP]
        assert guarded.names(f"{noun}?namespace={SHOP}", shopkeeper) == [SHOP]
        assert guarded.ask(f"/api/v1/{noun}?namespace={BANK}", shopkeeper).status_code == 403
    (problem,) = guarded.ask("/api/v1/problems", shopkeeper).json()["items"]
    assert problem["subject"]["namespace"] == SHOP
    for path in (f"gateways/{SHOP}/main", f"gateways/{SHOP}/main/configuration", f"engines/{SHOP}/main-0"):
        assert guarded.ask(f"/api/v1/{path}", shopkeeper).status_code == 200, path
        hidden, absent = path.replace(SHOP, BANK), path.replace(SHOP, BANK).replace("main", "absent")
        for other in (hidden, absent):
            answer = guarded.ask(f"/api/v1/{other}", shopkeeper)
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:microgateway:error:forbidden")
            assert answer.headers["content-type"] == "application/problem+json"
    misspelt = guarded.ask(f"/api/v1/gateways/{SHOP}/mains", shopkeeper)
    assert (misspelt.status_code, misspelt.json()["near"]) == (404, [f"{SHOP}/main"])


def test_an_explanation_needs_the_right_to_its_gateway(guarded: Guarded) -> None:
    headers = {"Authorization": f"Bearer {guarded.token('shopkeeper')}"}
    for namespace, status in ((SHOP, 422), (BANK, 403)):  # the gateway of the test has no application
        question = {"gateway": f"{namespace}/main", "method": "GET", "target": "/"}
        answer = httpx.post(
            f"{guarded.process.url}/api/v1/explain", json=question, headers=headers, timeout=120
        )
        assert answer.status_code == status, answer.text


#: What a path is asked with.
PARTS = {"namespace": SHOP, "name": "main", "pod": "main-0", "generation": "current", "request_id": "a"}
BODIES = {
    "/api/v1/explain": {"gateway": f"{SHOP}/main", "method": "GET", "target": "/"},
    "/api/v1/dry-run": {"namespace": SHOP, "files": [{"path": "a.yaml", "content": ""}]},
}


def test_an_account_without_rights_sees_nothing_anywhere(guarded: Guarded) -> None:
    nobody = {"Authorization": f"Bearer {guarded.token('nobody')}"}
    document = guarded.ask("/openapi.json").json()
    asked = set()
    for path, operations in document["paths"].items():
        if not path.startswith("/api/") or path == "/api/v1/viewer":
            continue
        for method, operation in operations.items():
            assert operation["security"] == [{"token": []}], path
            url = f"{guarded.process.url}{path.format_map(PARTS)}"
            with httpx.stream(
                method, url, headers=nobody, timeout=15, json=BODIES[path] if method == "post" else None
            ) as answer:
                if answer.status_code == 200 and path.endswith("/live"):
                    continue  # it begins with a change of nothing
                answer.read()
            match answer.status_code:
                case 200:
                    assert answer.json()["items"] == [], path
                case 404:  # as for one that there is not
                    assert "{request_id}" in path, path
                case other:
                    assert other == 403, (path, answer.text)
            asked.add(path)
    assert asked >= {*BODIES, "/api/v1/gateways", "/api/v1/gateways/{namespace}/{name}"}
    assert guarded.ask("/api/v1/gateways", guarded.token("nobody")).status_code == 403


def test_who_is_unknown_is_told_so_and_how_to_say_who_they_are(guarded: Guarded, tmp_path: Path) -> None:
    guarded.cluster.service_account(tmp_path, HOME, "overseer", seconds=-10)
    expired = (tmp_path / "token").read_text()
    guarded.tokens.append(expired)
    elsewhere = guarded.token("overseer", "elsewhere")
    for bearer, word in (
        (None, "got none"),
        ("rubbish", "does not know"),
        (elsewhere, "does not know"),
        (expired, "expired"),
        (guarded.token("overseer")[:-4] + "AAAA", "does not know"),
    ):
        for path in ("gateways", f"gateways/{SHOP}/main", "live", "viewer", "gateways?limit=wrong"):
            answer = guarded.ask(f"/api/v1/{path}", bearer)
            assert answer.status_code == 401, (path, word, answer.text)
            assert answer.json()["type"] == "urn:microgateway:error:unauthorized"
            assert word in answer.json()["detail"]
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/", "/page.js", "/openapi.json"])
def test_probes_metrics_and_the_page_itself_need_no_token(guarded: Guarded, path: str) -> None:
    answer = guarded.ask(path)
    assert answer.status_code == 200
    assert SHOP not in answer.text


class Listener(threading.Thread):
    """Follows changes until the stream ends. heard: events; silent: comments."""

    def __init__(self, url: str, bearer: str) -> None:
        super().__init__()
        self._url, self._bearer = url, bearer
        self.heard = self.silent = 0

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self._bearer}"}
        with httpx.stream("GET", f"{self._url}/api/v1/live", headers=headers, timeout=120) as answer:
            for line in answer.iter_lines():
                self.heard += line == "event: changed"
                self.silent += line.startswith(":")


def test_live_tells_of_the_namespaces_one_may_see_until_the_token_is_void(guarded: Guarded) -> None:
    create_account(guarded.cluster, HOME, "leaver", [SHOP])
    listener = Listener(guarded.process.url, guarded.token("leaver"))
    listener.start()
    eventually(lambda: listener.heard == 1, "the stream to begin")
    guarded.change(BANK)
    eventually(lambda: listener.silent == 1, "the change of another namespace to pass by")
    assert listener.heard == 1
    guarded.change(SHOP)
    eventually(lambda: listener.heard == 2, "the change to be heard")
    guarded.cluster.kubectl("delete", "serviceaccount", "-n", HOME, "leaver")

    def ended() -> bool:
        guarded.change(SHOP)
        listener.join(0.5)
        return not listener.is_alive()

    eventually(ended, "the stream to end", FORGETTING)


def test_a_right_that_was_taken_away_is_gone_within_seconds(guarded: Guarded) -> None:
    create_account(guarded.cluster, HOME, "retired", [SHOP])
    retired = guarded.token("retired")
    assert guarded.names("gateways", retired) == [SHOP]
    guarded.cluster.kubectl("delete", "rolebinding", "-n", SHOP, f"{HOME}-retired")
    eventually(
        lambda: guarded.ask("/api/v1/gateways", retired).status_code == 403,
        "the right to be gone",
        FORGETTING,
    )


def test_while_the_api_server_is_away_nobody_new_gets_in(guarded: Guarded) -> None:
    create_account(guarded.cluster, HOME, "latecomer", ["*"])
    latecomer = guarded.token("latecomer")
    guarded.cluster.stop()
    try:
        for path in ("gateways", "live", "viewer"):
            answer = guarded.ask(f"/api/v1/{path}", latecomer)
            assert (answer.status_code, answer.json()["type"]) == (
                503,
                "urn:microgateway:error:access-unknown",
            )
            assert answer.headers["retry-after"] == "1"
        assert guarded.ask("/readyz").status_code == 200
    finally:
        guarded.cluster.start()
    eventually(lambda: guarded.ask("/api/v1/gateways", latecomer).status_code == 200, "to be let in")


def test_without_its_own_rights_it_lets_nobody_in(guarded: Guarded) -> None:
    overseer = guarded.token("overseer")
    binding = guarded.cluster.kubectl("get", "clusterrolebinding", "microgateway-config-api", "-o", "json")
    guarded.cluster.kubectl("delete", "clusterrolebinding", "microgateway-config-api")
    try:
        answer = guarded.ask("/api/v1/gateways", overseer)
        assert answer.status_code == 503
        assert "TokenReview, got status 403 Forbidden" in answer.json()["detail"]
    finally:
        raw = json.loads(binding)
        raw["metadata"] = {"name": raw["metadata"]["name"]}
        guarded.cluster.apply(json.dumps(raw))
    eventually(lambda: guarded.ask("/api/v1/gateways", overseer).status_code == 200, "to be let in again")


def status(guarded: Guarded, *arguments: str, variable: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "microgateway"), "status", "--server", guarded.process.url, *arguments],
        capture_output=True, text=True, check=False, timeout=120,
        env={"MICROGATEWAY_TOKEN": variable, "HOME": "/nonexistent"},
    )  # fmt: skip


def test_the_command_asks_with_a_token_from_wherever_it_is(guarded: Guarded, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(guarded.token("shopkeeper"))
    told = status(guarded, "--token-file", str(tmp_path / "token"))
    assert [line.split()[0] for line in told.stdout.splitlines()] == ["POD", f"{SHOP}/main-0"]
    told = status(guarded, variable=guarded.token("overseer"))
    assert len(told.stdout.splitlines()) == 3
    assert "main-0" in status(guarded, "--kubeconfig", str(guarded.cluster.kubeconfig)).stdout
    told = status(guarded)
    assert (told.returncode, told.stdout) == (2, "")
    assert "kubectl create token" in told.stderr
    told = status(guarded, variable=guarded.token("nobody"))
    assert told.returncode == 2
    assert "expected the right to list sidecargateways" in told.stderr


def test_no_token_is_in_the_log(guarded: Guarded) -> None:
    """Runs last: all of them have been used."""
    assert len(guarded.tokens) > 5
    log = guarded.process.log.read_text()
    assert "/api/v1/gateways" in log
    for each in guarded.tokens:
        assert each not in log
        assert each.rpartition(".")[2] not in log
