"""What holds for every pod, not only for those of the golden folders."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_webhook.injection import names
from microgateway_webhook.injection.inject import Injected, Namespace, Refused, Skipped, inject
from microgateway_webhook.injection.template import default_template
from microgateway_webhook.injection.users import UserRange, users_of
from microgateway_webhook.injection.versions import ServerVersion

TEMPLATE = default_template("0.1.0", "test")
NAMESPACE = Namespace("shop")

ports = st.one_of(st.integers(1, 65535), st.sampled_from(["http", "admin", "8080", "none"]))
headers = st.lists(st.fixed_dictionaries({"name": st.just("X"), "value": st.text(max_size=5)}), max_size=1)
actions = st.one_of(
    st.fixed_dictionaries(
        {
            "httpGet": st.fixed_dictionaries(
                {"port": ports},
                optional={
                    "path": st.sampled_from(["/", "/a b", "/$(HOME)", "/app-health/c0/livez", ""]),
                    "host": st.sampled_from(["", "127.0.0.1"]),
                    "scheme": st.sampled_from(["HTTP", "HTTPS"]),
                    "httpHeaders": headers,
                },
            )
        }
    ),
    st.fixed_dictionaries({"tcpSocket": st.fixed_dictionaries({"port": ports})}),
    st.fixed_dictionaries({"grpc": st.fixed_dictionaries({"port": st.integers(1, 65535)})}),
    st.just({"exec": {"command": ["true"]}}),
)
timings = st.fixed_dictionaries(
    {}, optional={"timeoutSeconds": st.integers(1, 9), "periodSeconds": st.integers(1, 9)}
)
probes = st.builds(lambda action, timing: {**action, **timing}, actions, timings)
security = st.fixed_dictionaries({}, optional={"runAsUser": st.integers(13376, 13382)})


def containers(prefix: str, least: int, **optional: Any) -> st.SearchStrategy[list[dict[str, Any]]]:
    fields = {
        "livenessProbe": probes,
        "readinessProbe": probes,
        "startupProbe": probes,
        "lifecycle": st.fixed_dictionaries({}, optional={"preStop": actions, "postStart": actions}),
        "securityContext": security,
        "ports": st.just([{"name": "http", "containerPort": 8080}, {"containerPort": 9000}]),
        **optional,
    }
    each = st.fixed_dictionaries({"image": st.just("i")}, optional=fields)
    return st.lists(each, min_size=least, max_size=3).map(
        lambda found: [{"name": f"{prefix}{index}", **one} for index, one in enumerate(found)]
    )


pods = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"labels": st.just({names.INJECT_LABEL: "true"})},
            optional={
                "annotations": st.fixed_dictionaries(
                    {},
                    optional={
                        names.EXCLUDE_INBOUND_PORTS: st.sampled_from(["", "8080", "9000, 8080"]),
                        names.SERVICE_MESH: st.sampled_from(["none", "istio"]),
                        names.REWRITE_PROBES: st.sampled_from(["true", "false"]),
                        names.PREFIX + "engineCpuRequests": st.just("1"),
                        "other": st.text(max_size=3),
                    },
                )
            },
        ),
        "spec": st.fixed_dictionaries(
            {"containers": containers("c", 1)},
            optional={
                "initContainers": containers("i", 0, restartPolicy=st.just("Always")),
                "volumes": st.just([{"name": "data", "emptyDir": {}}]),
                "securityContext": security,
                "terminationGracePeriodSeconds": st.integers(0, 60),
            },
        ),
    }
)
servers = st.sampled_from([ServerVersion(1, 20), ServerVersion(1, 28), ServerVersion(1, 29)])


@given(pods, servers)
def test_injecting_twice_is_injecting_once(pod: dict[str, Any], server: ServerVersion) -> None:
    once = inject(pod, TEMPLATE, server, NAMESPACE)
    assert isinstance(once, Injected)

    twice = inject(once.pod, TEMPLATE, server, NAMESPACE)

    assert isinstance(twice, Injected)
    assert twice.pod == once.pod
    assert twice.patch == []


@given(pods, servers, servers)
def test_injecting_again_is_as_if_it_were_the_first_time(
    pod: dict[str, Any], former: ServerVersion, server: ServerVersion
) -> None:
    """Another template, another server: nothing of the former injection is left."""
    pod["metadata"].setdefault("annotations", {})[names.DEFAULT_CONTAINER] = "c0"
    before = inject(pod, replace(TEMPLATE, log_level="debug", netcheck_seconds=3), former, NAMESPACE)
    assert isinstance(before, Injected)

    again, direct = (inject(each, TEMPLATE, server, NAMESPACE) for each in (before.pod, pod))

    assert isinstance(again, Injected)
    assert isinstance(direct, Injected)
    assert again.pod["spec"] == {"initContainers": [], "volumes": [], **direct.pod["spec"]}


@given(pods, servers)
def test_the_pod_gains_what_is_ours_and_keeps_the_rest(pod: dict[str, Any], server: ServerVersion) -> None:
    untouched = copy.deepcopy(pod)
    outcome = inject(pod, TEMPLATE, server, NAMESPACE)

    assert isinstance(outcome, Injected)
    assert pod == untouched
    spec = outcome.pod["spec"]
    first = [each["name"] for each in spec["initContainers"]]
    everybody = first + [each["name"] for each in spec["containers"]]
    own = [names.NETCHECK, names.ENGINE]
    assert first[0] == names.NETCHECK
    assert everybody.index(names.ENGINE) < min(
        [everybody.index(each) for each in everybody if each.startswith("c")]
    )
    original = [
        each["name"] for field in ("initContainers", "containers") for each in pod["spec"].get(field, [])
    ]
    assert [each for each in everybody if each not in own] == original
    assert spec["volumes"][: len(pod["spec"].get("volumes", []))] == pod["spec"].get("volumes", [])


@given(pods, servers, st.sampled_from([None, UserRange(13370, 13390)]))
def test_nobody_shares_a_user_with_the_gateway(
    pod: dict[str, Any], server: ServerVersion, allowed: UserRange | None
) -> None:
    outcome = inject(pod, TEMPLATE, server, Namespace("shop", allowed))

    assert isinstance(outcome, Injected)
    spec = outcome.pod["spec"]
    own = {
        each["securityContext"]["runAsUser"]
        for field in ("initContainers", "containers")
        for each in spec[field]
        if each["name"] in names.CONTAINERS
    }
    assert len(own) == 2
    assert own.isdisjoint(user for _, user in users_of(pod["spec"]))
    assert allowed is None or all(allowed.first <= user <= allowed.last for user in own)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 70000), st.sampled_from(["", "a", "true"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["name", "containers", "securityContext", "ports", "httpGet", "port", "env"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["containers", "initContainers", "os", "volumes"]), json_values))
def test_a_malformed_pod_is_refused_and_never_an_exception(spec: dict[str, Any]) -> None:
    pod = {"metadata": {"labels": {names.INJECT_LABEL: "true"}}, "spec": spec}
    assert isinstance(inject(pod, TEMPLATE, ServerVersion(1, 30), NAMESPACE), Injected | Refused)


@pytest.mark.parametrize("pod", [{}, {"metadata": None}, {"metadata": {"labels": {}}, "spec": {}}])
def test_an_empty_pod_does_not_ask(pod: dict[str, Any]) -> None:
    pod.setdefault("spec", {})
    pod["spec"]["containers"] = [{"name": "c"}]
    assert isinstance(inject(pod, TEMPLATE, ServerVersion(1, 30), NAMESPACE), Skipped)
