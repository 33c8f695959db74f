"""The command `microgateway-cni`, started by the container runtime for each operation on a pod's network.

stdin   the network configuration, with the result of the plugins before us
stdout  that result, untouched; or an error object
exit    0, or 1 with an error object

ADD     asks about the pod, decides, sets the rules
CHECK   decides again, and compares the rules in the namespace with those that should be there
DEL     takes the rules away; what is not there any more is no error
GC      nothing: the rules live in the namespace and end with it
STATUS  always ready: a runtime that hears otherwise takes the whole node out of service, and pods
        that are not ours must start whatever is wrong with us. What is wrong is logged
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_never

from microgateway_cni.redirect import Redirect

from .ask import ask
from .decide import NobodyKnows, Outcome, Pass, RedirectInbound, Refuse, decide, question
from .errors import CniError, Code
from .journal import Journal
from .request import (
    NEWEST,
    VERSIONS,
    Add,
    Attachment,
    Check,
    Delete,
    GarbageCollect,
    Request,
    Status,
    Version,
    parse,
    version_of,
)
from .settings import Settings, read


def main() -> int:
    """The exit code."""
    stdin = sys.stdin.buffer.read()
    try:
        answer = handle(parse(os.environ, stdin))
    except CniError as error:
        print(json.dumps(error.to_object(version_of(stdin))))
        return 1
    except Exception as error:  # noqa: BLE001 -- the runtime can show nothing but an error object
        internal = CniError(Code.INTERNAL, "the plugin failed", f"{type(error).__name__}: {error}")
        print(json.dumps(internal.to_object(version_of(stdin))))
        return 1
    if answer is not None:
        print(json.dumps(answer))
    return 0


def handle(request: Request) -> Mapping[str, Any] | None:
    """What goes to stdout; None for nothing. Raises CniError."""
    match request:
        case Version():
            return {"cniVersion": NEWEST, "supportedVersions": list(VERSIONS)}
        case Add(configuration, attachment, namespace):
            _add(configuration, attachment, namespace)
            empty = {
                "cniVersion": configuration["cniVersion"],
                "interfaces": [],
                "ips": [],
                "routes": [],
                "dns": {},
            }
            previous: Mapping[str, Any] = configuration.get("prevResult", empty)
            return previous
        case Check(configuration, attachment, namespace):
            _check(configuration, attachment, namespace)
        case Delete(configuration, attachment, namespace):
            _delete(configuration, attachment, namespace)
        case GarbageCollect():
            pass
        case Status(configuration):
            _status(configuration)
        case _:
            assert_never(request)
    return None


def _add(configuration: Mapping[str, Any], attachment: Attachment, namespace: Path) -> None:
    settings = read(configuration)
    journal = _journal("ADD", attachment, settings)
    outcome = _decide(configuration, attachment, settings, journal)
    match outcome:
        case Pass(reason):
            journal.info(f"not redirected: {reason}", **_outcome("pass"))
        case Refuse(error):
            journal.error(f"refused: {error}", **_outcome("refuse"))
            raise error
        case RedirectInbound(redirect, reason):
            _redirect(redirect, namespace, journal)
            ports = ", ".join(map(str, sorted(redirect.excluded_ports))) or "none"
            journal.info(f"redirected: {reason}; excluded ports: {ports}", **_outcome("redirect"))
        case _:
            assert_never(outcome)


def _check(configuration: Mapping[str, Any], attachment: Attachment, namespace: Path) -> None:
    from .rules import require_rules

    settings = read(configuration)
    journal = _journal("CHECK", attachment, settings)
    outcome = _decide(configuration, attachment, settings, journal)
    match outcome:
        case Pass(reason):
            journal.debug(f"nothing to check: {reason}")
        case Refuse(error):
            raise error
        case RedirectInbound(redirect, _):
            try:
                require_rules(redirect, namespace)
            except CniError as error:
                journal.error(str(error))
                raise
        case _:
            assert_never(outcome)


def _delete(configuration: Mapping[str, Any], attachment: Attachment, namespace: Path | None) -> None:
    journal = _journal("DEL", attachment, read(configuration))
    if namespace is None or not namespace.exists():
        journal.debug("the network namespace is gone, and the rules with it")
        return
    from .rules import remove_rules

    try:
        remove_rules(namespace)
    except CniError as error:
        journal.error(str(error))


def _status(configuration: Mapping[str, Any]) -> None:
    from .rules import missing_programs

    settings = read(configuration)
    journal = Journal(settings, {"microgateway.cni.operation": "STATUS"})
    for problem in settings.problems:
        journal.error(problem)
    for program in missing_programs():
        journal.error(f"expected the program {program}, got none: pods with an engine will be refused")


def _decide(
    configuration: Mapping[str, Any], attachment: Attachment, settings: Settings, journal: Journal
) -> Outcome:
    for problem in settings.problems:
        journal.error(problem)
    asked = question(attachment, _runtime_annotations(configuration), settings)
    if isinstance(asked, Pass):
        return asked
    try:
        answer = ask(asked, settings)
    except Exception as error:  # noqa: BLE001 -- a bug in asking must not stop a pod that is not ours
        answer = NobodyKnows(f"{type(error).__name__}: {error}")
    return decide(asked, answer)


def _runtime_annotations(configuration: Mapping[str, Any]) -> Mapping[str, str]:
    match configuration:
        case {"runtimeConfig": {"io.kubernetes.cri.pod-annotations": dict(annotations)}}:
            return {key: value for key, value in annotations.items() if isinstance(value, str)}
        case _:
            return {}


def _redirect(redirect: Redirect, namespace: Path, journal: Journal) -> None:
    from .rules import set_rules

    try:
        set_rules(redirect, namespace)
    except CniError as error:
        journal.error(f"refused: {error}", **_outcome("refuse"))
        raise


def _journal(operation: str, attachment: Attachment, settings: Settings) -> Journal:
    arguments = attachment.arguments
    return Journal(
        settings,
        {
            "microgateway.cni.operation": operation,
            "container.id": attachment.container_id,
            "orchestrator.namespace": arguments.get("K8S_POD_NAMESPACE", ""),
            "orchestrator.resource.name": arguments.get("K8S_POD_NAME", ""),
        },
    )


def _outcome(outcome: str) -> dict[str, Any]:
    return {"microgateway.cni.outcome": outcome}


if __name__ == "__main__":
    sys.exit(main())
