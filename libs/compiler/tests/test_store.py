from __future__ import annotations

from microgateway_common.names import Namespace
from microgateway_common.problems import DocumentRef, ObjectRef
from microgateway_compiler.index import NamesOf
from microgateway_compiler.objects import Pod
from microgateway_compiler.store import Source, Store, Stored

REF = ObjectRef("Pod", "shop", "x")
PODS = NamesOf("Pod", Namespace("shop"))


def pod(path: str, line: int = 1, name: str = "x", **labels: str) -> Stored:
    return Stored(DocumentRef(path, line), Pod(ObjectRef("Pod", "shop", name), labels, {}, finished=False))


def test_objects_come_change_and_go_with_their_source() -> None:
    store, file = Store(), Source("a")

    assert store.replace(file, [pod("a")]).changed == {REF}
    assert store.get(REF) == pod("a").object
    assert store.source(file) == (pod("a"),)
    assert store.replace(file, [pod("a", app="shop")]).changed == {REF}
    assert store.replace(file, []).changed == {REF}
    assert store.get(REF) is None
    assert store.source(file) == ()


def test_an_object_that_stays_as_it_was_is_no_change() -> None:
    store, file = Store(), Source("a")
    store.replace(file, [pod("a")])

    change = store.replace(file, [pod("a", line=7), pod("a", name="y")])

    assert change.changed == {ObjectRef("Pod", "shop", "y")}


def test_the_names_of_a_kind_change_when_objects_come_or_go_only() -> None:
    store, file = Store(), Source("a")

    assert store.replace(file, [pod("a")]).renamed == {PODS}
    assert store.replace(file, [pod("a", app="shop")]).renamed == frozenset()
    assert list(store.names("Pod", "shop")) == ["x"]
    assert store.replace(file, []).renamed == {PODS}
    assert list(store.names("Pod", "shop")) == []


def test_of_duplicates_the_first_by_path_and_line_counts_whichever_came_first() -> None:
    store = Store()
    store.replace(Source("b"), [pod("b", app="b")])
    change = store.replace(Source("a"), [pod("a", 9, app="second"), pod("a", 2, app="first")])

    assert change.changed == {REF}
    assert store.get(REF) == pod("a", 2, app="first").object
    assert [str(problem) for problem in store.duplicates()] == [
        "a:9: expected one document for Pod shop/x, got another; a:2 counts",
        "b:1: expected one document for Pod shop/x, got another; a:2 counts",
    ]

    assert store.replace(Source("a"), []).changed == {REF}
    assert store.get(REF) == pod("b", app="b").object
    assert list(store.duplicates()) == []
