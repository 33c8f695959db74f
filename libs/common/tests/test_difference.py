from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.difference import (
    LARGEST_ALIGNMENT,
    Added,
    Changed,
    Item,
    Member,
    Removed,
    UnknownOrigin,
    apply,
    comparable,
    differences,
    inverse,
    without_positions,
    written,
)
from microgateway_common.ir.data import AnyData
from microgateway_common.ir.deny_rules import CustomRule, DenyRules, Level, RuleSetting, ThreatHandling
from microgateway_common.ir.gateway import ContentSecurity, GatewayConfig
from microgateway_common.ir.header_rewrites import AllowAll, HeaderRewrites, OperationalMode, Rewrites
from microgateway_common.ir.limits import Limits, Unlimited
from microgateway_common.ir.matching import ALWAYS
from microgateway_common.ir.origin import DefaultOrigin, ResourceOrigin
from microgateway_common.ir.parser import Parser
from microgateway_common.names import RuleKey, gateway_key

#: Few names and values, so that trees resemble each other.
scalars = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]) | st.just(1.5)
names = st.sampled_from(["type", "name", "port", "origin", "x", "id"])
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(names, inner, max_size=4),
    max_leaves=30,
)

same = msgspec.json.Encoder(order="deterministic").encode


def told(old: Any, new: Any) -> list[str]:
    """Differences in one line each."""
    lines = []
    for each in differences(old, new):
        match each:
            case Added(path, value):
                lines.append(f"+ {written(path)} {value}")
            case Removed(path, value):
                lines.append(f"- {written(path)} {value}")
            case Changed(path, before, after):
                lines.append(f"~ {written(path)} {before} → {after}")
    return lines


@given(trees)
def test_a_tree_does_not_differ_from_itself(tree: Any) -> None:
    assert differences(tree, tree) == ()


@given(trees, trees)
def test_differences_make_the_new_tree_of_the_old(old: Any, new: Any) -> None:
    before = same(old)
    assert same(apply(differences(old, new), old)) == same(new)
    assert same(old) == before


@given(trees, trees)
def test_the_way_back_is_the_inverse(old: Any, new: Any) -> None:
    there, back = differences(old, new), differences(new, old)
    assert {same(_bare(each)) for each in inverse(there)} == {same(_bare(each)) for each in back}
    assert inverse(inverse(there)) == there


def _bare(each: Any) -> Any:
    """Names and origins are those of the newer value, where they differ."""
    path = [msgspec.structs.replace(step, name="") if isinstance(step, Item) else step for step in each.path]
    return msgspec.structs.replace(each, path=tuple(path), origin=UnknownOrigin())


@given(st.lists(scalars, max_size=8), st.integers(0, 8), scalars)
def test_an_item_that_comes_in_between_is_one_difference(items: list[Any], at: int, item: Any) -> None:
    grown = [*items[:at], item, *items[at:]]
    assert len(differences(items, grown)) == 1
    assert len(differences(grown, items)) == 1


def test_what_has_a_name_is_followed_by_it() -> None:
    old = {"applications": [{"port": 80, "x": 1}, {"port": 81, "x": 1}]}
    new = {"applications": [{"port": 79, "x": 0}, {"port": 80, "x": 2}, {"port": 81, "x": 1}]}
    assert told(old, new) == [
        "+ applications[79] {'port': 79, 'x': 0}",
        "~ applications[80].x 1 → 2",
    ]


def test_the_members_of_an_object_whose_order_counts_are_followed_too() -> None:
    old, new = [["a", {"x": 1}], ["b", {"x": 2}]], [["b", {"x": 3}]]
    assert told(old, new) == ["- [a] ['a', {'x': 1}]", "~ [b][1].x 2 → 3"]


def test_another_kind_of_thing_is_another_thing() -> None:
    old, new = {"type": "secured", "policy": "a"}, {"type": "unsecured"}
    assert differences({"t": old}, {"t": new}) == (Changed((Member("t"),), old, new),)


def test_true_is_not_one() -> None:
    assert told({"a": 1}, {"a": True}) == ["~ a 1 → True"]
    assert told([1], [1.0]) == ["- [0] 1", "+ [0] 1.0"]


def test_a_difference_says_whose_it_is() -> None:
    origin = {"type": "resource", "kind": "Limits", "namespace": "shop", "name": "strict"}
    old = {
        "limits": {"origin": origin, "size": 1},
        "other": {"origin": {"type": "default", "kind": "Parser"}},
    }
    new = {"limits": {"origin": origin, "size": 2}, "x": 1}
    assert [each.origin for each in differences(old, new)] == [
        ResourceOrigin("Limits", "shop", "strict", 0),
        DefaultOrigin("Parser"),
        UnknownOrigin(),
    ]


def test_positions_and_generations_make_no_difference() -> None:
    def config(generation: int, at: int, name: str = "strict") -> Any:
        origin = {
            "type": "resource",
            "kind": "Limits",
            "namespace": "a",
            "name": name,
            "generation": generation,
        }
        return without_positions({"origin": origin, "exceptions": [{"id": f"exceptions[{at}]", "x": 1}]})

    assert config(1, 0) == config(2, 5)
    assert told(config(1, 0), config(1, 0, "lax")) == ["~ origin.name strict → lax"]


def test_what_is_called_id_is_no_position_for_that() -> None:
    assert without_positions({"id": {"a": 1}, "b": {"id": "customer"}}) == {
        "id": {"a": 1},
        "b": {"id": "customer"},
    }


def test_secrets_are_names_without_values() -> None:
    origin = ResourceOrigin("SidecarGateway", "shop", "web", 3)
    config = GatewayConfig(gateway_key("shop", "web"), origin, {}, (), {"shop/tls:tls.key": b"hidden"})
    assert comparable(config)["secrets"] == {"shop/tls:tls.key": ""}


def test_a_configuration_is_compared_by_the_items_of_its_lists() -> None:
    origin = ResourceOrigin("SidecarGateway", "shop", "web", 3)
    setting = RuleSetting(Level.STANDARD, ThreatHandling.BLOCK)

    def config(*keys: str) -> GatewayConfig:
        rules = tuple(
            CustomRule(f"rules[{at}]", RuleKey(key), AnyData(), ALWAYS, ThreatHandling.BLOCK)
            for at, key in enumerate(keys)
        )
        security = ContentSecurity(
            origin,
            Parser(origin, "text/plain", (), ()),
            Limits(origin, Unlimited(), ThreatHandling.BLOCK),
            DenyRules(origin, setting, (), (), rules),
            HeaderRewrites(origin, PASSING, PASSING, OperationalMode.PRODUCTION),
        )
        return GatewayConfig(gateway_key("shop", "web"), origin, {"id": security}, ())

    (found,) = differences(comparable(config("B")), comparable(config("A", "B")))
    assert isinstance(found, Added)
    assert written(found.path) == "content_securities.id.deny_rules.custom[A]"


PASSING = Rewrites(AllowAll(), (), ())


def test_lists_too_long_to_be_aligned_still_give_the_new_one() -> None:
    old = [{"name": f"a{each}", "x": each} for each in range(LARGEST_ALIGNMENT + 20)]
    new = [{"name": f"a{each}", "x": -each} for each in range(1, LARGEST_ALIGNMENT + 30)]
    assert apply(differences(old, new), old) == new
