from __future__ import annotations

from services.cni.tests.api_server import NODE, ApiServer, pod_object

from microgateway_cni.agent.events import Events
from microgateway_cni.pods import from_object


def test_an_event_names_the_pod_and_is_told_once(api: ApiServer) -> None:
    events = Events(api.client(), NODE)
    pod = from_object(pod_object())
    for _ in range(2):
        events.tell(pod, "Warning", "EngineMissing", "labelled, but …")
    ((method, path, body),) = api.calls
    assert (method, path) == ("POST", "/api/v1/namespaces/default/events")
    assert body["involvedObject"]["uid"] == "uid-of-shop"
    assert (body["type"], body["reason"], body["message"]) == ("Warning", "EngineMissing", "labelled, but …")
    assert body["source"] == {"component": "microgateway-cni", "host": NODE}
    events.tell(from_object(pod_object(uid="newer")), "Warning", "EngineMissing", "labelled, but …")
    assert len(api.calls) == 2


def test_an_api_server_that_refuses_is_no_error(api: ApiServer) -> None:
    api.access()
    client = api.client()
    api.token = "another"
    Events(client, NODE).tell(from_object(pod_object()), "Normal", "RedirectRepaired", "done")
