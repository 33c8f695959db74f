from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_cni.agent.install.conflist import ConflistError, insert, remove, wrap

ENTRY = {"type": "microgateway-cni", "kubernetes": {"excludeNamespaces": ["kube-system"]}}
PRETTY = b"""{
  "name": "k8s-pod-network",   "cniVersion": "0.3.1",
  "plugins": [
    {"type": "calico", "ipam": {"type": "calico-ipam"}, "pi": 3.10, "\\u0061": 1},
    {
      "type": "portmap", "capabilities": {"portMappings": true}
    }

  ]
}
"""
COMPACT = b'{"plugins":[{"type":"bridge"}],"cniVersion":"1.0.0","name":"n"}'
OTHER = {"type": "other"}


@pytest.mark.parametrize("existing", [PRETTY, COMPACT])
def test_the_entry_comes_last_and_nothing_else_changes(existing: bytes) -> None:
    chained = insert(ENTRY, existing)
    before, after = json.loads(existing), json.loads(chained)
    assert after == {**before, "plugins": [*before["plugins"], ENTRY]}
    assert remove(ENTRY["type"], chained) == existing  # type: ignore[arg-type]


def test_inserting_again_changes_nothing() -> None:
    chained = insert(ENTRY, PRETTY)
    assert insert(ENTRY, chained) == chained


def test_an_older_entry_is_replaced() -> None:
    older = insert({**ENTRY, "logLevel": "debug"}, PRETTY)
    assert insert(ENTRY, older) == insert(ENTRY, PRETTY)


def test_an_entry_that_others_chained_behind_stays_where_it_is() -> None:
    chained = insert(OTHER, insert(ENTRY, COMPACT))
    assert insert(ENTRY, chained) == chained
    assert remove("microgateway-cni", chained) == insert(OTHER, COMPACT)


def test_two_entries_become_one() -> None:
    twice = json.dumps({"cniVersion": "1.0.0", "name": "n", "plugins": [OTHER, ENTRY, ENTRY]}).encode()
    assert json.loads(insert(ENTRY, twice))["plugins"] == [OTHER, ENTRY]


def test_an_entry_before_the_primary_moves_behind_it() -> None:
    first = json.dumps({"cniVersion": "1.0.0", "name": "n", "plugins": [ENTRY, OTHER]}).encode()
    assert json.loads(insert(ENTRY, first))["plugins"] == [OTHER, ENTRY]


def test_a_single_plugin_becomes_a_list() -> None:
    wrapped = wrap(ENTRY, b'{"cniVersion": "0.4.0", "name": "n", "type": "flannel", "delegate": {}}')
    assert json.loads(wrapped) == {
        "cniVersion": "0.4.0",
        "name": "n",
        "plugins": [{"type": "flannel", "delegate": {}}, ENTRY],
    }


@pytest.mark.parametrize(
    ("existing", "problem"),
    [
        (b"", "expected JSON"),
        (PRETTY[:-10], "expected JSON"),
        (b"[]", "expected an object, got list"),
        (b"\xff{}", "expected UTF-8"),
        (b'{"name": "n", "plugins": [{}]}', "cniVersion: expected one of 0.3.1, .* got None"),
        (b'{"cniVersion": "0.2.0", "plugins": [{}]}', "cniVersion: expected .* got '0.2.0'"),
        (b'{"cniVersion": "1.0.0"}', "expected one list `plugins`, got 0 fields"),
        (b'{"cniVersion": "1.0.0", "plugins": {}}', "expected one list `plugins`"),
        (
            b'{"cniVersion": "1.0.0", "plugins": [], "plugins": []}',
            "expected one list `plugins`, got 2 fields",
        ),
        (b'{"cniVersion": "1.0.0", "plugins": []}', "plugins: expected a primary plugin to chain behind"),
    ],
)
def test_what_is_no_configuration_list_is_refused(existing: bytes, problem: str) -> None:
    with pytest.raises(ConflistError, match=problem):
        insert(ENTRY, existing)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_PLUGINS = st.lists(
    st.dictionaries(st.text(), _JSON, max_size=3).map(lambda p: {"type": "x", **p}), min_size=1, max_size=3
)


@given(
    st.dictionaries(st.text(), _JSON, max_size=3), _PLUGINS, st.sampled_from([None, 1, "\t"]), st.booleans()
)
def test_taking_out_gives_back_the_very_bytes(
    fields: dict[str, object], plugins: list[object], indent: int | str | None, ascii_only: bool
) -> None:
    raw = {**fields, "plugins": plugins, "cniVersion": "1.0.0"}
    existing = json.dumps(raw, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    chained = insert(ENTRY, existing)
    assert json.loads(chained)["plugins"] == [*plugins, ENTRY]
    assert remove("microgateway-cni", chained) == existing
