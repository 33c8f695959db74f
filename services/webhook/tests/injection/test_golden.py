"""One folder a case: in.yaml is the pod as it comes, out.yaml what becomes of it.

cluster.yaml, where a case has one, says what differs from a server of version 1.30 and the default template.
Containers and volumes that are as in the case `plain` are named and not shown.

`UPDATE_GOLDEN=1 pytest` rewrites out.yaml; read the difference before you commit it.
"""

from __future__ import annotations

import copy
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from microgateway_common.operator_config import SidecarMode
from microgateway_webhook.injection import names
from microgateway_webhook.injection.inject import Injected, Namespace, Outcome, Refused, Skipped, inject
from microgateway_webhook.injection.template import default_template
from microgateway_webhook.injection.users import parse_range
from microgateway_webhook.injection.versions import parse_version

UPDATE = "UPDATE_GOLDEN" in os.environ
GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(GOLDEN.iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path) -> None:
    pod = yaml.safe_load((case / "in.yaml").read_text())
    untouched = copy.deepcopy(pod)

    outcome = decide(case, pod)

    assert pod == untouched
    check(case / "out.yaml", shown(outcome, in_full=case.name == "plain"))
    if isinstance(outcome, Injected):
        assert apply_patch(pod, outcome.patch) == outcome.pod
        again = decide(case, outcome.pod)
        assert isinstance(again, Injected)
        assert (again.patch, again.pod) == ([], outcome.pod)


def decide(case: Path, pod: dict[str, Any]) -> Outcome:
    path = case / "cluster.yaml"
    given = yaml.safe_load(path.read_text()) if path.exists() else {}
    template = replace(
        default_template("0.1.0", "test"),
        mode=SidecarMode(given.get("mode", "Auto")),
        bootstrap_optional=given.get("bootstrap_optional", False),
    )
    users = parse_range(given["users"]) if "users" in given else None
    namespace = Namespace(given.get("namespace", "shop"), users)
    return inject(pod, template, parse_version(given.get("server", "1.30")), namespace)


def shown(outcome: Outcome, *, in_full: bool) -> dict[str, Any]:
    match outcome:
        case Injected(pod=pod, warnings=warnings):
            return {
                "outcome": "injected",
                "warnings": list(warnings),
                "pod": pod if in_full else abbreviated(pod),
            }
        case Skipped(reason=reason, warnings=warnings):
            return {"outcome": "skipped", "reason": reason, "warnings": list(warnings)}
        case Refused(message=message):
            return {"outcome": "refused", "message": message}


def abbreviated(pod: dict[str, Any]) -> dict[str, Any]:
    plain = inject(
        yaml.safe_load((GOLDEN / "plain" / "in.yaml").read_text()),
        default_template("0.1.0", "test"),
        parse_version("1.30"),
        Namespace("shop"),
    )
    assert isinstance(plain, Injected)
    known = [*plain.pod["spec"]["initContainers"], *plain.pod["spec"]["volumes"]]
    shorter = copy.deepcopy(pod)
    for field in ("initContainers", "containers", "volumes"):
        if field in shorter["spec"]:
            shorter["spec"][field] = [
                f"{each['name']} as in plain" if each in known else difference(each, known)
                for each in shorter["spec"][field]
            ]
    return shorter


def difference(container: dict[str, Any], known: list[dict[str, Any]]) -> Any:
    """Of a container of ours: only the fields that differ from plain."""
    if container["name"] not in names.CONTAINERS:
        return container
    plain = next(each for each in known if each["name"] == container["name"])
    differing = {key: value for key, value in container.items() if plain.get(key) != value}
    absent = [key for key in plain if key not in container]
    return {f"{container['name']} as in plain but for": differing, **({"without": absent} if absent else {})}


def check(path: Path, found: Any) -> None:
    text = yaml.dump(found, Dumper=Dumper, sort_keys=False, width=110, allow_unicode=True)
    if UPDATE:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "run with UPDATE_GOLDEN=1 and read the difference"


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - nothing is an alias
        return True


def apply_patch(document: Any, patch: list[dict[str, Any]]) -> Any:
    """RFC 6902, section 4, as far as we use it."""
    document = copy.deepcopy(document)
    for operation in patch:
        *parents, last = [
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        ]
        target = document
        for part in parents:
            target = target[int(part)] if isinstance(target, list) else target[part]
        match operation["op"], target:
            case "add", list():
                target.insert(int(last), operation["value"])
            case "replace", list():
                target[int(last)] = operation["value"]
            case "add" | "replace", dict():
                assert (last in target) == (operation["op"] == "replace")
                target[last] = operation["value"]
            case "remove", _:
                del target[last]
    return document
