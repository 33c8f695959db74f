from __future__ import annotations

from microgateway_common.names import GatewayKey, Namespace
from microgateway_common.problems import ObjectRef
from microgateway_compiler.index import Index, NamesOf

A, B = GatewayKey("shop/a"), GatewayKey("shop/b")
LIMITS = ObjectRef("Limits", "shop", "x")
NAMES = NamesOf("Limits", Namespace("shop"))


def test_an_object_touches_the_gateways_that_depend_on_it() -> None:
    index = Index()
    index.put(A, [LIMITS, NAMES])
    index.put(B, [LIMITS])

    assert index.touched_by(LIMITS) == {A, B}
    assert index.touched_by(NAMES) == {A}
    assert index.touched_by(ObjectRef("Limits", "shop", "y")) == frozenset()
    assert index.needs(A) == {LIMITS, NAMES}
    assert index.needs(GatewayKey("shop/c")) == frozenset()


def test_new_dependencies_replace_old_ones() -> None:
    index = Index()
    index.put(A, [LIMITS])
    index.put(A, [NAMES])

    assert index.touched_by(LIMITS) == frozenset()
    assert index.touched_by(NAMES) == {A}


def test_a_removed_gateway_is_touched_by_nothing() -> None:
    index = Index()
    index.put(A, [LIMITS])
    index.remove(A)
    index.remove(B)

    assert index.touched_by(LIMITS) == frozenset()


def test_objects_of_a_kind_are_needed_as_long_as_a_gateway_depends_on_them() -> None:
    index = Index()
    index.put(A, [LIMITS, NAMES])
    index.put(B, [LIMITS])
    assert index.needed("Limits") == {LIMITS}

    index.put(A, [])
    assert index.needed("Limits") == {LIMITS}
    index.remove(B)
    assert index.needed("Limits") == frozenset()
