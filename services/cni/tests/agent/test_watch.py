from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from services.cni.tests.api_server import NODE, ApiServer, pod_object

from microgateway_cni.agent.metrics import Metrics
from microgateway_cni.agent.node_pods import NodePods
from microgateway_cni.agent.watch import PodWatch


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def watch(api: ApiServer) -> PodWatch:
    return PodWatch(api.client()._replace(seconds=1.0), NODE, NodePods(), Metrics())


@pytest.fixture
def known(watch: PodWatch) -> Iterator[Callable[[], set[str]]]:
    """The names that a running watch knows."""
    stop = threading.Event()
    thread = threading.Thread(target=watch.run, args=[stop])
    thread.start()
    yield lambda: {each.pod.name for each in watch.pods.all()}
    stop.set()
    thread.join()


def test_pods_of_before_and_after_are_known(api: ApiServer, known: Callable[[], set[str]]) -> None:
    api.put(pod_object("one"))
    eventually(lambda: known() == {"one"})
    api.put(pod_object("two"))
    eventually(lambda: known() == {"one", "two"})
    api.drop("/api/v1/namespaces/default/pods/one")
    eventually(lambda: known() == {"two"})


def test_an_expired_version_leads_to_a_new_list(
    api: ApiServer, watch: PodWatch, known: Callable[[], set[str]]
) -> None:
    api.put(pod_object("one"))
    eventually(lambda: known() == {"one"})
    with api.changed:  # a change that no event will tell
        api.objects.clear()
    api.compact()
    eventually(lambda: known() == set())
    assert 'microgateway_cni_watch_restarts_total{cause="expired"} 1' in watch.metrics.text()


def test_a_refused_token_keeps_what_is_known_until_it_is_replaced(
    api: ApiServer, watch: PodWatch, known: Callable[[], set[str]]
) -> None:
    api.put(pod_object("one"))
    eventually(lambda: known() == {"one"})
    api.token = "second-token"
    api.compact()
    eventually(lambda: 'cause="error"' in watch.metrics.text())
    assert known() == {"one"}
    api.access()  # writes the token's file
    api.put(pod_object("two"))
    eventually(lambda: known() == {"one", "two"})


def test_a_pod_that_cannot_be_read_is_left_out(api: ApiServer, known: Callable[[], set[str]]) -> None:
    broken = pod_object("broken")
    broken["spec"]["containers"] = [{"image": "without a name"}]
    api.put(broken)
    api.put(pod_object("one"))
    eventually(lambda: known() == {"one"})
