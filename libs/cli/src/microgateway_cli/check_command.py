"""`microgateway check`: is the installation healthy, and what to do where it is not."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from microgateway_reconciler.kubernetes.target import (
    SERVICE_ACCOUNT,
    Access,
    InCluster,
    Kubeconfig,
    NoAccessError,
    runs_in_cluster,
)

from . import config_api
from .check.finding import Finding, State, failed, ok
from .check.snapshot import Places
from .config_api import ConfigApiError
from .output import add_output, printable, show

#: Of the widest state, and of what a finding is about.
_STATE, _ABOUT = 8, 13


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pre", action="store_true", help="can it be installed here, by you")
    config_api.add_arguments(parser)
    places = Places()
    parser.add_argument(
        "--system-namespace", default=places.system, metavar="NAME", help="(default: %(default)s)"
    )
    parser.add_argument("--cni-namespace", default=places.cni, metavar="NAME", help="(default: %(default)s)")
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 when nothing has failed, 1 when something has, 2 when the API server does not answer."""
    # Not above: the client takes half a second, and no other command needs it.
    from .check.reading import NoApiServerError

    places = Places(arguments.system_namespace, arguments.cni_namespace)
    try:
        findings = asyncio.run(_look(_access(arguments), places, arguments.pre))
    except (NoApiServerError, NoAccessError) as error:
        print(f"microgateway check: {error}", file=sys.stderr)
        return 2
    if (arguments.server or arguments.forward) and not arguments.pre:
        findings.append(_config_api(arguments))
    data = {
        **{str(state): sum(each.state == state for each in findings) for state in State},
        "findings": [msgspec.to_builtins(each) for each in findings],
    }
    show(data, arguments.output, lambda: _text(findings))
    return 1 if any(each.state is State.FAILED for each in findings) else 0


async def _look(access: Access, places: Places, before_installing: bool) -> list[Finding]:
    """Raises NoAccessError, NoApiServerError."""
    from microgateway_reconciler.kubernetes.connection import connect

    from .check import before, definitions, pods, reading, rights, webhooks, workloads

    api = await connect(access)
    try:
        if before_installing:
            return await before.check(api, places)
        snapshot = await reading.read(api, places)
    finally:
        await api.close()
    now = datetime.now(UTC)
    return [
        before.version(snapshot.version),
        *definitions.check(snapshot),
        *workloads.check(snapshot, now),
        *webhooks.check(snapshot, now),
        *rights.check(snapshot),
        *pods.check(snapshot),
    ]


def _access(arguments: argparse.Namespace) -> Access:
    kubeconfig: Path | None = arguments.kubeconfig
    named = kubeconfig or arguments.context or os.environ.get("KUBECONFIG")
    if not named and runs_in_cluster() and not (Path.home() / ".kube" / "config").exists():
        return InCluster(SERVICE_ACCOUNT)
    return Kubeconfig(kubeconfig, arguments.context)


def _config_api(arguments: argparse.Namespace) -> Finding:
    """Only when it is said where: a cluster does not lead there by itself."""
    try:
        with config_api.connect(arguments) as server:
            viewer = server.get("viewer")
    except ConfigApiError as error:
        return failed("config-api", str(error), "docs/operations.md, who may look")
    return ok("config-api", f"answers {viewer.get('name') or 'everybody'} at {server.url}")


def _text(findings: list[Finding]) -> str:
    lines = []
    for each in findings:
        lines.append(f"{each.state:<{_STATE}} {each.about:<{_ABOUT}} {printable(each.message)}")
        if each.fix:
            lines.append(f"{'':<{_STATE}} {'':<{_ABOUT}} → {printable(each.fix)}")
    counted = {state: sum(each.state is state for each in findings) for state in State}
    lines.append(", ".join(f"{number} {state}" for state, number in counted.items()))
    return "".join(f"{line}\n" for line in lines)
