"""The whole of it on a real node, in the order in which an operator would see it.

client ─► nginx (ingress) ─► Service ─► the pod's port 8080 ─► engine ─► application
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from prometheus_server import Prometheus
from written import json_lines

from microgateway_cni.observe import differences, in_force
from microgateway_cni.redirect import Redirect

from .cluster import Cluster, Object, container_state, eventually, is_ready
from .conftest import AGENT_RUN, PLUGIN_LOG, Phase, node_files
from .installation import CNI_NAMESPACE, definitions, deployments

pytestmark = pytest.mark.e2e

ENGINE, NETCHECK = "airlock-microgateway-engine", "airlock-microgateway-network-validator"
INGRESS = "http://ingress.ingress.svc.cluster.local"
ATTACK = "/products?q=%27%20UNION%20SELECT%20password%20FROM%20users--"
#: Longer than the 1 KiB that examples/shop allows a parameter's value.
LONG = "/products?q=" + "a" * 2000


def shop_pod(cluster: Cluster) -> Object:
    (pod,) = cluster.pods("shop", "shop")
    return pod


def client_pod(cluster: Cluster) -> Object:
    (pod,) = cluster.pods("client", "client")
    return pod


def request(cluster: Cluster, target: str, origin: str = INGRESS) -> tuple[int, Any]:
    """Status and body, JSON where it is; sent by the client's pod."""
    script = (
        "import sys, urllib.error, urllib.request\n"
        "try: answer = urllib.request.urlopen(sys.argv[1], timeout=10)\n"
        "except urllib.error.HTTPError as error: answer = error\n"
        "print(answer.status); print(answer.read().decode())"
    )
    options = ("client", "--namespace=client", "--container=client", "--")
    out = cluster.kubectl("exec", *options, "python3", "-c", script, origin + target)
    status, _, body = out.partition("\n")
    return int(status), json.loads(body) if body.startswith("{") else body


def plugin_lines(pod: Object) -> list[str]:
    """What the plugin logged of this pod."""
    name = pod["metadata"]["name"]
    return [line["message"] for line in json_lines(PLUGIN_LOG) if line["orchestrator.resource.name"] == name]


def test_all_of_the_installation_runs(cluster: Cluster, control_plane: None, installed: list[Object]) -> None:
    for name, namespace in deployments(installed):
        status = cluster.get("deployment", name, namespace)["status"]
        assert status["readyReplicas"] == status["replicas"] > 0, name


def test_a_labelled_pod_without_the_plugin_is_stopped_by_netcheck(cluster: Cluster, shop: None) -> None:
    def stopped() -> bool:
        state = container_state(shop_pod(cluster), NETCHECK)
        ended = state["state"].get("terminated") or state["lastState"].get("terminated")
        return bool(ended) and ended["exitCode"] == 10

    eventually("netcheck finds no redirect", stopped, seconds=90)
    pod = shop_pod(cluster)
    assert "running" not in container_state(pod, "shop")["state"]
    assert "running" not in container_state(pod, ENGINE)["state"]


def test_the_agent_repairs_a_pod_that_started_before_it(
    cluster: Cluster, shop: None, node_agent: None
) -> None:
    eventually("the pod is ready", lambda: is_ready(shop_pod(cluster)), seconds=120)
    pod = shop_pod(cluster)
    assert container_state(pod, NETCHECK)["state"]["terminated"]["exitCode"] == 0
    assert differences(Redirect(), cluster.network_namespace(pod)) == []
    events = cluster.kubectl("get", "events", "--namespace=shop", "--output=jsonpath={.items[*].reason}")
    assert "RedirectRepaired" in events.split()


def test_a_new_pod_starts_with_its_redirect(cluster: Cluster, node_agent: None, phase: Phase) -> None:
    with phase("a new pod of the application"):
        cluster.kubectl("rollout", "restart", "deployment/shop", "--namespace=shop")
        cluster.roll_out("deployment", "shop", "shop")
        eventually("the former pod ends", lambda: shop_pod(cluster), seconds=60)
    pod = shop_pod(cluster)
    assert {ENGINE, "shop"} == {each["name"] for each in pod["spec"]["containers"]}
    netcheck = container_state(pod, NETCHECK)
    assert (netcheck["restartCount"], netcheck["state"]["terminated"]["exitCode"]) == (0, 0)
    assert plugin_lines(pod) == ["redirected: labelled, with an engine; excluded ports: none"]
    assert differences(Redirect(), cluster.network_namespace(pod)) == []


def test_a_good_request_arrives_with_the_clients_address(cluster: Cluster, outside: None) -> None:
    eventually("the ingress reaches the application", lambda: request(cluster, "/")[0] == 200, seconds=60)
    status, answer = request(cluster, "/hello?name=world")
    assert status == 200
    assert answer["query"] == [["name", "world"]]
    # X-Shop-Client is what the engine takes for the client (examples/shop/header-rewrites.yaml).
    assert answer["headers"]["x-shop-client"] == client_pod(cluster)["status"]["podIP"]


def test_an_attack_is_refused_and_explained_in_the_log(cluster: Cluster, outside: None) -> None:
    status, _ = request(cluster, ATTACK)
    assert status == 400
    client = client_pod(cluster)["status"]["podIP"]

    def explained() -> bool:
        lines = cluster.logs("shop", shop_pod(cluster)["metadata"]["name"], ENGINE)
        refused = [json.dumps(line) for line in lines if "UNION SELECT" in json.dumps(line)]
        return any("SQL" in line and client in line for line in refused)

    eventually("the engine's log names rule and client", explained, seconds=20)


def test_the_pods_own_address_leads_to_the_engine_too(cluster: Cluster, outside: None) -> None:
    origin = f"http://{shop_pod(cluster)['status']['podIP']}:8080"
    assert request(cluster, ATTACK, origin)[0] == 400
    assert request(cluster, "/products?q=cup", origin)[0] == 200


def test_a_changed_resource_takes_effect_without_a_restart(cluster: Cluster, outside: None) -> None:
    before = shop_pod(cluster)
    assert request(cluster, LONG)[0] == 400
    change = {"spec": {"request": {"limited": {"parameter": {"valueLength": "4Ki"}}}}}
    options = ("--namespace=shop", "--type=merge", f"--patch={json.dumps(change)}")
    cluster.kubectl("patch", "limits.microgateway.airlock.com", "shop", *options)
    eventually("the longer value passes", lambda: request(cluster, LONG)[0] == 200, seconds=20)
    after = shop_pod(cluster)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert container_state(after, ENGINE)["restartCount"] == 0


def test_the_gateways_status_says_that_it_is_in_force(cluster: Cluster, outside: None) -> None:
    def conditions() -> dict[str, str]:
        status = cluster.get("sidecargateway", "shop", "shop").get("status", {})
        return {each["type"]: each["status"] for each in status.get("conditions", [])}

    eventually("a condition of the gateway is True", lambda: "True" in conditions().values(), seconds=20)


def test_prometheus_scrapes_engine_and_agent(cluster: Cluster, prometheus: Prometheus) -> None:
    def value(expression: str) -> float:
        (found,) = prometheus.query(expression)
        return float(found["value"][1])

    engine = f'{{namespace="shop", pod="{shop_pod(cluster)["metadata"]["name"]}"}}'
    agent = f'{{namespace="{CNI_NAMESPACE}"}}'
    eventually("the engine is scraped", lambda: value(f"up{engine}") == 1, seconds=30)
    eventually("its requests", lambda: value(f"sum(envoy_http_downstream_rq_total{engine})") > 0, seconds=10)
    eventually("the agent is scraped", lambda: value(f"microgateway_cni_ready{agent}") == 1, seconds=30)


def test_a_pod_without_the_label_is_untouched(cluster: Cluster, outside: None) -> None:
    pod = client_pod(cluster)
    assert [each["name"] for each in pod["spec"]["containers"]] == ["client"]
    assert "initContainers" not in pod["spec"]
    assert in_force(cluster.network_namespace(pod)) == ""
    assert plugin_lines(pod) == ["not redirected: not labelled for injection"]


def test_no_pod_reaches_anything_outside_of_the_machine(cluster: Cluster, outside: None) -> None:
    script = (
        "import socket\n"
        "try: socket.create_connection(('192.0.2.1', 80), 3); print('connected')\n"
        "except OSError as error: print(type(error).__name__)"
    )
    options = ("client", "--namespace=client", "--container=client", "--")
    assert cluster.kubectl("exec", *options, "python3", "-c", script).strip() == "ConnectionRefusedError"


def test_removing_everything_gives_the_node_back_as_it_was(
    cluster: Cluster, outside: None, installed: list[Object], node_before: dict[str, bytes], phase: Phase
) -> None:
    assert node_files(cluster) != node_before
    with phase("removal"):
        cluster.kubectl("delete", "namespace", "shop", "--timeout=180s", seconds=190)
        cluster.delete(installed)
        cluster.delete(definitions())
    assert node_files(cluster) == node_before
    assert not list(AGENT_RUN.glob("*"))
    # The client has been there all the time, and pods still start.
    assert is_ready(client_pod(cluster))
    assert container_state(client_pod(cluster), "client")["restartCount"] == 0
    tables = subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True).stdout
    assert "microgateway" not in tables
