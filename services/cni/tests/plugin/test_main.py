from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from services.cni.tests.api_server import ApiServer, pod_object
from services.cni.tests.conftest import Network, original_destination

from microgateway_cni.apply import apply
from microgateway_cni.netns import NamespaceAt
from microgateway_cni.redirect import Redirect, install

from .conftest import PREVIOUS, Plugin

PREFIX = "sidecar.microgateway.airlock.com/"


def ruleset(network: Network) -> str:
    return network.pod.command("nft", "list", "ruleset").stdout


@pytest.mark.root
def test_an_injected_pod_starts_with_its_redirect(plugin: Plugin, api: ApiServer, network: Network) -> None:
    api.put(pod_object(annotations={PREFIX + "excludeInboundPorts": "8081"}))
    added = plugin.run("ADD", network.pod.path)
    assert (added.code, added.answer) == (0, PREVIOUS)
    assert added.message == "redirected: labelled, with an engine; excluded ports: 8081"
    servers = network.serve(13378, 8080, 8081)
    for address in network.pod_addresses:
        network.dial(network.client, address, 8080)
        connection, _ = servers[13378].accept()
        with connection:
            assert original_destination(connection) == (address, 8080)
        network.dial(network.client, address, 8081)
        servers[8081].accept()[0].close()
    assert plugin.run("CHECK", network.pod.path).code == 0


@pytest.mark.root
@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        ({"labelled": False}, "not labelled for injection"),
        ({"labelled": False, "engine": False}, "not labelled for injection"),
        ({"namespace": "kube-system"}, "namespace kube-system is excluded"),
        ({"namespace": "kube-system", "name": "microgateway-cni-x7f2"}, "namespace kube-system is excluded"),
    ],
)
def test_a_pod_that_is_not_ours_starts_untouched(
    plugin: Plugin, api: ApiServer, network: Network, pod: dict[str, object], reason: str
) -> None:
    raw = pod_object(**pod)  # type: ignore[arg-type]
    api.put(raw)
    added = plugin.run("ADD", network.pod.path, f"{raw['metadata']['namespace']}/{raw['metadata']['name']}")
    assert (added.code, added.answer) == (0, PREVIOUS)
    assert reason in added.message
    assert ruleset(network) == ""


def test_a_labelled_pod_without_engine_is_refused(plugin: Plugin, api: ApiServer, tmp_path: Path) -> None:
    api.put(pod_object(engine=False))
    refused = plugin.run("ADD", tmp_path / "netns")
    assert refused.code == 1
    assert refused.answer["code"] == 100
    assert refused.answer["cniVersion"] == "1.0.0"
    assert "is labelled for injection, but has no engine container" in refused.answer["msg"]
    logged = [json.loads(line) for line in (tmp_path / "plugin.log").read_text().splitlines()]
    assert [line["microgateway.cni.outcome"] for line in logged] == ["refuse"]
    assert logged == refused.lines


def test_an_injected_pod_does_not_start_where_the_rules_cannot_be_set(plugin: Plugin, api: ApiServer) -> None:
    api.put(pod_object())
    refused = plugin.run("ADD", "/run/netns/mg-missing")
    assert refused.code == 1
    assert refused.answer["code"] == 102
    assert "No such file or directory" in refused.answer["details"]


def test_the_api_server_is_asked_where_there_is_no_agent(lonely_plugin: Plugin, api: ApiServer) -> None:
    api.put(pod_object(engine=False))
    assert lonely_plugin.run("ADD", "/nowhere").answer["code"] == 100
    api.put(pod_object(labelled=False))
    assert lonely_plugin.run("ADD", "/nowhere").message == "not redirected: not labelled for injection"
    assert lonely_plugin.run("ADD", "/nowhere", "default/other").message == (
        "not redirected: the API server knows no pod default/other"
    )


def test_a_token_that_was_replaced_is_read_again(lonely_plugin: Plugin, api: ApiServer) -> None:
    api.put(pod_object(engine=False))
    api.token = "second-token"
    assert "401" in lonely_plugin.run("ADD", "/nowhere").message
    api.access()  # writes the token's file, as the kubelet does
    assert lonely_plugin.run("ADD", "/nowhere").answer["code"] == 100


@pytest.mark.root
def test_when_nobody_answers_only_an_injected_pod_is_redirected(
    lonely_plugin: Plugin, network: Network
) -> None:
    lonely_plugin.configuration["kubernetes"]["kubeconfig"] = "/nowhere/kubeconfig"
    passed = lonely_plugin.run("ADD", network.pod.path)
    assert (passed.code, passed.answer) == (0, PREVIOUS)
    assert "nobody answered, and netcheck stops a labelled pod" in passed.message
    assert ruleset(network) == ""
    runtime = {"io.kubernetes.cri.pod-annotations": {PREFIX + "status": "{}"}}
    redirected = lonely_plugin.run("ADD", network.pod.path, runtimeConfig=runtime)
    assert (redirected.code, redirected.answer) == (0, PREVIOUS)
    assert "redirect to :13378" in ruleset(network)


@pytest.mark.parametrize(
    "wrong", [{"kubernetes": 5}, {"logLevel": []}, {"agentSocket": {}}, {"logFilePath": "/proc/x"}]
)
def test_a_broken_configuration_of_ours_stops_no_other_pod(
    plugin: Plugin, api: ApiServer, wrong: dict[str, Any]
) -> None:
    api.put(pod_object(labelled=False))
    assert plugin.run("ADD", "/nowhere", **wrong).code == 0
    assert plugin.run("STATUS", "", cniVersion="1.1.0", **wrong).code == 0


def test_a_silent_agent_holds_no_pod_up_for_long(lonely_plugin: Plugin, api: ApiServer) -> None:
    import socket

    api.put(pod_object(labelled=False))
    lonely_plugin.socket.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(lonely_plugin.socket))
        silent.listen()
        assert lonely_plugin.run("ADD", "/nowhere").code == 0


@pytest.mark.root
def test_check_names_the_rule_that_is_missing(plugin: Plugin, api: ApiServer, network: Network) -> None:
    api.put(pod_object())
    plugin.run("ADD", network.pod.path)
    network.pod.command("nft", "flush", "chain", "inet", "microgateway", "prerouting")
    checked = plugin.run("CHECK", network.pod.path)
    assert checked.code == 1
    assert checked.answer["code"] == 103
    assert (
        'meta l4proto tcp redirect to :13378 comment "inbound TCP to the engine"' in checked.answer["details"]
    )


@pytest.mark.root
def test_del_twice_and_del_without_add_succeed(plugin: Plugin, network: Network) -> None:
    apply(install(Redirect()), NamespaceAt(network.pod.path))
    for netns in (network.pod.path, network.pod.path, "/run/netns/mg-missing", ""):
        deleted = plugin.run("DEL", netns)
        assert (deleted.code, deleted.answer) == (0, None)
        assert ruleset(network) == ""


@pytest.mark.root
def test_ten_adds_at_once_leave_the_rules_of_one(plugin: Plugin, api: ApiServer, network: Network) -> None:
    api.put(pod_object())
    running = [plugin.start("ADD", network.pod.path) for _ in range(10)]
    assert [plugin.end(process).code for process in running] == [0] * 10
    assert plugin.run("CHECK", network.pod.path).code == 0


def test_version_tells_all_versions(plugin: Plugin) -> None:
    ended = plugin.raw(b"", {"CNI_COMMAND": "VERSION"})
    assert ended.code == 0
    assert ended.answer == {"cniVersion": "1.1.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]}


@pytest.mark.parametrize(
    ("stdin", "code"), [(b"{", 6), (b'{"cniVersion": "3.0.0"}', 1), (b'{"cniVersion":"1.0.0"}', 4)]
)
def test_malformed_input_is_an_error_object(plugin: Plugin, stdin: bytes, code: int) -> None:
    ended = plugin.raw(stdin, {"CNI_COMMAND": "ADD"})
    assert ended.code == 1
    assert ended.answer["code"] == code
    assert ended.stderr == ""


def test_gc_and_status_succeed_without_an_answer(plugin: Plugin) -> None:
    for command in ("GC", "STATUS"):
        ended = plugin.run(command, "", cniVersion="1.1.0")
        assert (ended.code, ended.answer) == (0, None)


def test_a_plugin_called_alone_answers_with_an_empty_result(plugin: Plugin, api: ApiServer) -> None:
    api.put(pod_object(labelled=False))
    del plugin.configuration["prevResult"]
    ended = plugin.run("ADD", "/nowhere")
    assert ended.answer == {"cniVersion": "1.0.0", "interfaces": [], "ips": [], "routes": [], "dns": {}}
