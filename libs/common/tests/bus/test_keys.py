from __future__ import annotations

from fnmatch import fnmatchcase

from microgateway_common.bus import keys
from microgateway_common.names import Generation, Namespace, gateway_key, pod_key
from microgateway_common.problems import ObjectRef

GATEWAY = gateway_key("shop", "webshop")
POD = pod_key("shop", "webshop-1")


def test_what_an_engine_touches_starts_with_its_namespace() -> None:
    touched = {
        keys.bundle(GATEWAY),
        keys.assignment(POD),
        keys.acknowledgement(POD),
        keys.acknowledgements(Namespace("shop")),
        keys.status(GATEWAY),
    }
    assert len(touched) == 5
    assert all(key.startswith("mgw:shop:") for key in touched)


def test_an_acknowledgements_key_names_its_pod() -> None:
    assert keys.acknowledging_pod(keys.acknowledgement(POD)) == POD


def test_the_pattern_of_all_acknowledgements_matches_a_namespaces_channel() -> None:
    assert fnmatchcase(keys.acknowledgements(Namespace("shop")), keys.ALL_ACKNOWLEDGEMENTS)


def test_every_key_of_a_namespace_names_it() -> None:
    found = (keys.bundle(GATEWAY), keys.assignment(POD), keys.acknowledgements(Namespace("shop")))
    assert {keys.namespace_of(key) for key in (*found, keys.status(GATEWAY))} == {"shop"}


def test_what_people_look_back_at_is_found_by_its_patterns() -> None:
    source = keys.source(ObjectRef("Limits", "shop", "strict"))
    assert fnmatchcase(keys.history(GATEWAY), keys.ALL_HISTORIES)
    assert fnmatchcase(keys.past_configuration(GATEWAY, Generation(7)), keys.ALL_HISTORIES)
    assert fnmatchcase(source, keys.ALL_SOURCES)
    assert fnmatchcase(source, keys.sources(Namespace("shop")))
    assert not fnmatchcase(source, keys.sources(Namespace("shop-2")))
