"""`microgateway explain-injection`: why a pod has or gets the gateway, or why not.

For manifests, and for pods of a cluster: `kubectl get pods -o yaml | microgateway explain-injection -f -`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import msgspec

from microgateway_common.problems import Problem
from microgateway_webhook import probes
from microgateway_webhook.injection import names
from microgateway_webhook.injection.inject import Injected, Outcome, Refused, Skipped
from microgateway_webhook.injection.workloads import template_path

from .inject import Admitted, add_admission_arguments, admitted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_admission_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0, or 1 when a pod that asks for the gateway does not have or get it. Raises NoManifestsError."""
    failed = False
    for item in admitted(arguments):
        if isinstance(item, Problem):
            failed = True
            print(f"error: {item}")
            continue
        if template_path(item.raw) is None:
            continue
        failed |= isinstance(item.outcome, Refused) or _is_unprotected(item.raw)
        print("\n  ".join([f"{item.name}: {_headline(item)}", *_details(item)]))
    return 1 if failed else 0


def _headline(item: Admitted) -> str:
    if _is_running(item.raw):
        return _headline_of_running(item)
    match item.outcome:
        case Injected(patch=[]):
            return "has the gateway already"
        case Injected():
            return "gets the gateway"
        case Skipped(reason=reason):
            return f"does not get the gateway: {reason}"
        case Refused(message=message):
            return f"is refused: {message}"


def _headline_of_running(item: Admitted) -> str:
    status = _status(item.raw)
    if _has_engine(item.raw):
        injected, current = status.get("template"), _template_of(item.outcome)
        if injected == current or current is None:
            return "has the gateway"
        return (
            f"has the gateway of another template ({injected}, now {current}): recreate the pod to renew it"
        )
    if _is_unprotected(item.raw):
        return (
            "asks for the gateway and runs without it: the webhook did not see it when it was created (the"
            " pod is older than the webhook or the label, or its namespace is excluded); recreate the pod"
        )
    match item.outcome:
        case Skipped(reason=reason):
            return f"runs without the gateway: {reason}"
        case _:
            return "runs without the gateway"


def _details(item: Admitted) -> Iterator[str]:
    match item.outcome:
        case Injected(pod=injected, warnings=warnings):
            spec = _pod(injected)["spec"]
            native = next((each for each in spec["initContainers"] if each["name"] == names.ENGINE), None)
            engine = native or next(each for each in spec["containers"] if each["name"] == names.ENGINE)
            kind = "native sidecar" if native else "ordinary container"
            yield f"engine: {kind}, image {engine['image']}, user {engine['securityContext']['runAsUser']}"
            for path in sorted(_definitions(engine)):
                container, name = path.removeprefix(probes.PATH_PREFIX).split("/")
                yield f"probe: {name} of {container} goes through the engine"
        case Skipped(warnings=warnings):
            pass
        case Refused():
            warnings = ()
    for warning in warnings:
        yield f"warning: {warning}"


def _definitions(engine: dict[str, Any]) -> probes.Definitions:
    values = [each["value"] for each in engine["env"] if each["name"] == probes.VARIABLE]
    return probes.decode(values[0]) if values else {}


def _template_of(outcome: Outcome) -> str | None:
    return _status(outcome.pod).get("template") if isinstance(outcome, Injected) else None


def _status(raw: dict[str, Any]) -> dict[str, str]:
    match raw:
        case {"metadata": {"annotations": {names.STATUS: str(text)}}}:
            try:
                return msgspec.json.decode(text, type=dict[str, str])
            except msgspec.MsgspecError:
                return {}
        case _:
            return {}


def _is_running(raw: dict[str, Any]) -> bool:
    """Whether this is a pod as the API server stores it, and no manifest."""
    match raw:
        case {"kind": "Pod", "metadata": {"uid": str()}}:
            return True
        case _:
            return False


def _is_unprotected(raw: dict[str, Any]) -> bool:
    match raw:
        case {"metadata": {"labels": {names.INJECT_LABEL: "true"}}}:
            return _is_running(raw) and not _has_engine(raw)
        case _:
            return False


def _has_engine(raw: dict[str, Any]) -> bool:
    spec = raw.get("spec") or {}
    return any(
        isinstance(each, dict) and each.get("name") == names.ENGINE
        for field in ("initContainers", "containers")
        for each in spec.get(field) or []
    )


def _pod(raw: dict[str, Any]) -> dict[str, Any]:
    pod = raw
    for step in template_path(raw) or ():
        pod = pod[step]
    return pod
