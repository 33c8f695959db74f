from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgateway_common.bus.messages import Assigned, Unassigned
from microgateway_common.ir.deny_rules import Level
from microgateway_common.names import GatewayKey, PodKey
from microgateway_common.problems import ObjectRef, Reason
from microgateway_compiler.compile.gateway import Compiled, Failed
from microgateway_compiler.outcome import GatewayOutcome
from microgateway_compiler.pipeline import Changes, Pipeline
from microgateway_compiler.selection import Selector

SHOP, BANK = GatewayKey("shop/shop"), GatewayKey("shop/bank")
POD = PodKey("shop/pod")


def manifest(kind: str, name: str, spec: str = "{}", metadata: str = "") -> str:
    return (
        f"apiVersion: microgateway.airlock.com/v1alpha1\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: shop{metadata}}}\nspec: {spec}\n"
    )


def gateway(name: str = "shop", policy: str = "shop", app: str = "") -> str:
    selector = f"podSelector: {{matchLabels: {{app: {app}}}}}, " if app else ""
    route = f"{{secured: {{contentSecurityRef: {{name: {policy}}}}}}}"
    return manifest("SidecarGateway", name, f"{{{selector}applications: [{{routes: [{route}]}}]}}")


def policy(name: str = "shop", rules: str = "shop") -> str:
    return manifest("ContentSecurity", name, f"{{filter: {{denyRulesRef: {{name: {rules}}}}}}}")


def rules(level: str = "Basic", name: str = "shop") -> str:
    return manifest("DenyRules", name, f"{{request: {{builtIn: {{settings: {{level: {level}}}}}}}}}")


def pod(name: str = "pod", app: str = "shop") -> str:
    labels = f'{{app: {app}, sidecar.microgateway.airlock.com/inject: "true"}}'
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {labels}}}\n"


def join(*documents: str) -> str:
    return "---\n".join(documents)


def level_of(outcome: GatewayOutcome) -> Level:
    assert isinstance(outcome.configuration, Compiled), outcome.problems
    [content_security] = outcome.configuration.config.content_securities.values()
    return content_security.deny_rules.default.level


@pytest.fixture
def pipeline() -> Pipeline:
    """One gateway with a policy, its rules and its pod, each in a file of its own."""
    it = Pipeline()
    for path, text in {"g": gateway(), "c": policy(), "d": rules(), "p": pod()}.items():
        it.replace_file(path, text)
    it.changes()
    return it


def test_a_new_folder_gives_outcomes_and_assignments() -> None:
    it = Pipeline()
    it.replace_file("all.yaml", join(gateway(), policy(), rules(), pod()))
    changes = it.changes()

    assert level_of(changes.outcomes[SHOP]) is Level.BASIC
    assert changes.outcomes[SHOP].pods == (POD,)
    assert changes.assignments == {POD: Assigned(SHOP)}
    assert changes.problems == ()


def test_without_a_change_there_is_nothing_new(pipeline: Pipeline) -> None:
    pipeline.replace_file("d", "# another comment\n" + rules())

    assert pipeline.changes() == Changes({}, frozenset(), {}, frozenset(), (), frozenset())


def test_a_changed_policy_recompiles_the_gateways_that_depend_on_it_only(pipeline: Pipeline) -> None:
    pipeline.replace_file("other", gateway("bank", policy="bank") + "---\n" + policy("bank", rules="bank"))
    pipeline.replace_file("bank", rules(name="bank"))
    pipeline.changes()

    pipeline.replace_file("d", rules("Strict"))
    changes = pipeline.changes()

    assert changes.recompiled == {SHOP}
    assert changes.outcomes.keys() == {SHOP}
    assert level_of(changes.outcomes[SHOP]) is Level.STRICT


def test_one_of_five_hundred_gateways_is_recompiled() -> None:
    it = Pipeline()
    for number in range(500):
        name = f"g{number}"
        it.replace_file(name, join(gateway(name, name, app=name), policy(name, name), pod(name, app=name)))
        it.replace_file(f"d{number}", rules(name=name))
    assert len(it.changes().recompiled) == 500
    assert all(isinstance(outcome.configuration, Compiled) for outcome in it.outcomes.values())

    it.replace_file("d7", rules("Strict", name="g7"))
    assert it.changes().recompiled == {"shop/g7"}

    it.replace_file("new", pod("new", app="g8"))
    changes = it.changes()
    assert not changes.recompiled
    assert changes.outcomes.keys() == {"shop/g8"}


def test_a_reference_that_is_satisfied_later_mends_the_gateway(pipeline: Pipeline) -> None:
    pipeline.remove_file("d")
    broken = pipeline.changes().outcomes[SHOP]
    assert isinstance(broken.configuration, Failed)
    assert [problem.reason for problem in broken.problems] == [Reason.DANGLING_REFERENCE]

    pipeline.replace_file("elsewhere", rules("Strict"))
    assert level_of(pipeline.changes().outcomes[SHOP]) is Level.STRICT


def test_a_hint_follows_the_names_there_are(pipeline: Pipeline) -> None:
    pipeline.replace_file("g", gateway(policy="shpo"))
    assert "did you mean shop?" in pipeline.changes().outcomes[SHOP].problems[0].got

    pipeline.replace_file("c", policy("wholly-different"))
    assert pipeline.changes().outcomes[SHOP].problems[0].got == "none"


def test_a_removed_gateway_leaves_its_pods_unassigned(pipeline: Pipeline) -> None:
    pipeline.remove_file("g")
    changes = pipeline.changes()

    assert changes.removed == {SHOP}
    assert isinstance(changes.assignments[POD], Unassigned)
    assert pipeline.outcomes == {}


def test_a_removed_pod_departs(pipeline: Pipeline) -> None:
    pipeline.remove_file("p")
    changes = pipeline.changes()

    assert changes.departed == {POD}
    assert changes.outcomes[SHOP].pods == ()
    assert changes.recompiled == frozenset()


def test_a_file_that_cannot_be_read_keeps_its_last_objects_in_force(pipeline: Pipeline) -> None:
    pipeline.replace_file("d", rules() + "---\n" + rules(name="second"))
    pipeline.replace_file("d", rules("Strict") + "---\nbroken: [\n")
    changes = pipeline.changes()

    assert level_of(changes.outcomes[SHOP]) is Level.STRICT
    assert [problem.reason for problem in changes.problems] == [Reason.MALFORMED]

    pipeline.replace_file("d", "broken: [\n")
    assert pipeline.changes().outcomes == {}
    assert level_of(pipeline.outcomes[SHOP]) is Level.STRICT

    pipeline.replace_file("d", rules("Basic"))
    changes = pipeline.changes()
    assert level_of(changes.outcomes[SHOP]) is Level.BASIC
    assert changes.problems == ()


def test_a_file_that_is_suddenly_empty_keeps_its_last_objects_in_force(pipeline: Pipeline) -> None:
    pipeline.replace_file("d", "")
    changes = pipeline.changes()

    assert changes.outcomes == {}
    assert [str(problem) for problem in changes.problems] == [
        "d:1: expected at least one document, got an empty file, whose last objects stay in force"
    ]


def test_an_empty_file_that_held_nothing_is_no_problem(pipeline: Pipeline) -> None:
    pipeline.replace_file("new", "# to be written\n")
    assert pipeline.changes().problems == ()


def test_an_invalid_object_fails_its_gateway_and_is_not_replaced_by_what_it_was(pipeline: Pipeline) -> None:
    pipeline.replace_file("d", rules("Lenient"))
    outcome = pipeline.changes().outcomes[SHOP]

    assert isinstance(outcome.configuration, Failed)
    assert [problem.reason for problem in outcome.problems] == [Reason.BROKEN_REFERENCE, Reason.INVALID_FIELD]
    assert outcome.pods == (POD,)


def test_problems_of_what_no_gateway_refers_to_belong_to_nobody(pipeline: Pipeline) -> None:
    add = "{request: {add: {custom: [{name: a, headers: [{name: X-A, value: '%NOPE%'}]}]}}}"
    pipeline.replace_file("unused", manifest("HeaderRewrites", "unused", add))
    [problem] = pipeline.changes().problems

    assert problem.subject == ObjectRef("HeaderRewrites", "shop", "unused")
    assert problem.field == "spec.request.add.custom[0].headers[0].value"


def test_a_file_that_cannot_be_opened_keeps_its_last_objects_in_force(pipeline: Pipeline) -> None:
    pipeline.unreadable_file("d", "permission denied")
    changes = pipeline.changes()

    assert changes.outcomes == {}
    assert [str(problem) for problem in changes.problems] == [
        "d:1: expected a file that can be read, got permission denied"
    ]
    assert pipeline.problems == changes.problems

    pipeline.replace_file("d", rules("Strict"))
    assert level_of(pipeline.changes().outcomes[SHOP]) is Level.STRICT
    assert pipeline.problems == ()


def test_the_selector_of_a_gateway_can_be_asked_for(pipeline: Pipeline) -> None:
    pipeline.replace_file("bank", gateway("bank", app="bank"))
    pipeline.changes()

    assert pipeline.selector(BANK) == Selector(BANK, math.inf, {"app": "bank"})
    assert pipeline.selector(GatewayKey("shop/none")) is None


def test_a_gateway_whose_selector_is_invalid_keeps_its_pods(pipeline: Pipeline) -> None:
    pipeline.replace_file("g", gateway(app="shop"))
    pipeline.replace_file("bank", gateway("bank"))
    pipeline.replace_file("other", pod("other", app="bank"))
    pipeline.changes()

    pipeline.replace_file("g", gateway(app="5"))
    changes = pipeline.changes()

    assert isinstance(changes.outcomes[SHOP].configuration, Failed)
    assert changes.outcomes[SHOP].unmanaged_pods[0].managed_by == BANK
    assert [each.pod for each in changes.outcomes[SHOP].unmanaged_pods] == [POD]


def test_a_gateway_that_never_had_a_valid_selector_selects_nothing() -> None:
    it = Pipeline()
    it.replace_file("g", gateway(app="5") + "---\n" + pod(app="x"))

    assert isinstance(it.changes().assignments[POD], Unassigned)


def test_objects_of_the_api_server_come_and_go_one_by_one() -> None:
    it = Pipeline()
    ref = ObjectRef("SidecarGateway", "shop", "shop")
    raw: dict[str, Any] = {
        "apiVersion": "microgateway.airlock.com/v1alpha1",
        "kind": "SidecarGateway",
        "metadata": {"name": "shop", "namespace": "shop", "generation": 2, "managedFields": []},
        "spec": {"applications": [{}]},
        "status": {"status": "Active"},
    }
    it.replace_object(raw)
    assert it.changes().outcomes[SHOP].observed_generation == 2

    it.replace_object({**raw, "spec": {}})
    assert isinstance(it.changes().outcomes[SHOP].configuration, Failed)

    it.remove_object(ref)
    assert it.changes().removed == {SHOP}


NAMES = st.sampled_from(["shop", "bank", "post"])
DOCUMENTS = st.one_of(
    st.builds(gateway, NAMES, NAMES, st.sampled_from(["", "shop", "bank"])),
    st.builds(policy, NAMES, NAMES),
    st.builds(rules, st.sampled_from(["Basic", "Strict", "Lenient"]), NAMES),
    st.builds(pod, NAMES, NAMES),
    st.builds(lambda name: manifest("SidecarGateway", name, "{applications: []}"), NAMES),
    st.builds(lambda kind: manifest(kind, "x"), st.sampled_from(["Limit", "Telemetry"])),
)
FILES = st.one_of(st.none(), st.lists(DOCUMENTS, min_size=1, max_size=3).map(lambda texts: join(*texts)))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), FILES, st.booleans()), max_size=12))
def test_the_result_does_not_depend_on_the_order_of_changes(
    edits: list[tuple[str, str | None, bool]],
) -> None:
    incremental, files = Pipeline(), dict[str, str]()
    for path, text, settle in edits:
        if text is None:
            incremental.remove_file(path)
            files.pop(path, None)
        else:
            incremental.replace_file(path, text)
            files[path] = text
        if settle:
            incremental.changes()
    problems = incremental.changes().problems

    from_scratch = Pipeline()
    for path, text in sorted(files.items(), reverse=True):
        from_scratch.replace_file(path, text)

    assert from_scratch.changes().problems == problems
    assert from_scratch.outcomes == incremental.outcomes
    assert from_scratch.assignments == incremental.assignments


BAD = st.sampled_from(["a: [\n", "- 1\n", "kind: Pod\n", "a: 1\na: 2\n"])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), FILES), max_size=6),
    st.lists(st.tuples(st.sampled_from("abc"), BAD)),
)
def test_damage_takes_nothing_away(
    edits: list[tuple[str, str | None]], damages: list[tuple[str, str]]
) -> None:
    it = Pipeline()
    for path, text in edits:
        if text is not None:
            it.replace_file(path, text)
    it.changes()
    outcomes, assignments = dict(it.outcomes), dict(it.assignments)

    for path, text in damages:
        it.replace_file(path, text)
        it.replace_file(path, "")

    changes = it.changes()
    assert (changes.outcomes, changes.removed, changes.assignments) == ({}, frozenset(), {})
    assert (it.outcomes, it.assignments) == (outcomes, assignments)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), FILES), max_size=10))
def test_the_news_add_up_to_the_whole(edits: list[tuple[str, str | None]]) -> None:
    it = Pipeline()
    outcomes, assignments = dict[GatewayKey, GatewayOutcome](), dict[PodKey, Any]()
    for path, text in edits:
        if text is None:
            it.remove_file(path)
        else:
            it.replace_file(path, text)
        changes = it.changes()
        outcomes = {key: outcome for key, outcome in outcomes.items() if key not in changes.removed}
        outcomes |= changes.outcomes
        assignments = {key: each for key, each in assignments.items() if key not in changes.departed}
        assignments |= changes.assignments

    assert outcomes == it.outcomes
    assert assignments == it.assignments


@settings(max_examples=150, deadline=None)
@given(st.lists(DOCUMENTS | st.sampled_from(["a: [", "- 1", "", "kind: Pod", "a: *b"]), max_size=6))
def test_errors_and_configurations_exclude_each_other(texts: list[str]) -> None:
    it = Pipeline()
    it.replace_file("f", join(*(f"{text}\n" for text in texts)))

    for outcome in it.changes().outcomes.values():
        is_error = any(problem.severity == "error" for problem in outcome.problems)
        assert is_error is isinstance(outcome.configuration, Failed)


def test_it_knows_who_uses_what(pipeline: Pipeline) -> None:
    own, used = ObjectRef("SidecarGateway", "shop", "shop"), ObjectRef("DenyRules", "shop", "shop")
    assert pipeline.users(used) == pipeline.users(own) == {SHOP}
    assert pipeline.used_by(SHOP) == {own, ObjectRef("ContentSecurity", "shop", "shop"), used}

    pipeline.replace_file("c", policy(rules="typo"))
    pipeline.changes()
    assert pipeline.users(used) == frozenset()
    assert ObjectRef("DenyRules", "shop", "typo") in pipeline.used_by(SHOP)  # should it come
    assert pipeline.used_by(BANK) == frozenset()


def test_changes_one_after_the_other_are_one(pipeline: Pipeline) -> None:
    pipeline.replace_file("d", rules("Strict"))
    pipeline.replace_file("g2", gateway("bank"))
    first = pipeline.changes()
    pipeline.remove_file("g2")
    pipeline.remove_file("p")
    second = pipeline.changes()

    both = first.then(second)
    assert set(both.outcomes) == {SHOP}
    assert both.removed == {BANK}
    assert both.departed == {POD}
    assert both.assignments == {}
    assert both.recompiled == first.recompiled | second.recompiled

    again = second.then(first)
    assert BANK in again.outcomes
    assert again.removed == frozenset()
