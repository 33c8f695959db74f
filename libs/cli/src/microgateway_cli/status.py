"""`microgateway status`: every engine, whose it is, and whether it serves what is published.

Pods that a gateway selects are there too when they have none: `unprotected` without the engine's container,
`silent` when it is not heard of.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from . import config_api
from .config_api import ConfigApi
from .output import add_output, ago, printable, show, table

COLUMNS = ("POD", "GATEWAY", "STATE", "GENERATION", "AGE", "HEARD", "VERSION")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config_api.add_arguments(parser)
    parser.add_argument("-n", "--namespace", help="only pods of this namespace")
    parser.add_argument("--gateway", metavar="NAMESPACE/NAME", help="only engines of this gateway")
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 when every pod has an engine in sync, 1 when not. Raises ConfigApiError."""
    narrowed = {"namespace": arguments.namespace, "gateway": arguments.gateway}
    with config_api.connect(arguments) as server:
        engines = server.all("engines", {key: value for key, value in narrowed.items() if value})
        gateways = [
            each
            for each in server.all("gateways")
            if arguments.gateway in (None, f"{each['namespace']}/{each['name']}")
            and arguments.namespace in (None, each["namespace"])
        ]
        missing = [
            pod
            for each in gateways
            if each["unprotected"] or each["pods"] != each["in_sync"]
            for pod in _missing(server, each, engines)
        ]
    data = {"gateways": gateways, "engines": engines, "missing": missing}
    show(data, arguments.output, lambda: _text(engines, missing, gateways, datetime.now(UTC)))
    return 0 if _is_fine(engines, gateways) else 1


def _missing(
    server: ConfigApi, gateway: dict[str, Any], engines: list[dict[str, Any]]
) -> Iterator[dict[str, str]]:
    """Pods of the gateway without an engine that speaks."""
    found = server.get(f"gateways/{gateway['namespace']}/{gateway['name']}")
    heard = {(each["namespace"], each["pod"]) for each in engines}
    for state, pods in (("silent", found["pods"]), ("unprotected", found["unprotected_pods"])):
        for each in pods:
            if (each["namespace"], each["name"]) not in heard:
                yield {
                    "namespace": each["namespace"],
                    "pod": each["name"],
                    "gateway": f"{gateway['namespace']}/{gateway['name']}",
                    "state": state,
                }


def _is_fine(engines: list[dict[str, Any]], gateways: list[dict[str, Any]]) -> bool:
    return all(each["sync"]["state"] == "in_sync" for each in engines) and all(
        each["phase"] != "Error" and each["in_sync"] == each["pods"] for each in gateways
    )


def _text(
    engines: list[dict[str, Any]],
    missing: list[dict[str, str]],
    gateways: list[dict[str, Any]],
    now: datetime,
) -> str:
    lines = []
    for each in gateways:
        behind = each["pods"] - each["in_sync"]
        if each["phase"] == "Error" or behind:
            unprotected = f"{each['unprotected']} pods without engine, " if each["unprotected"] else ""
            lines.append(
                f"gateway {each['namespace']}/{each['name']}: {each['phase']}, {behind} of {each['pods']} "
                f"pods not in sync, {unprotected}{each['errors']} errors, {each['warnings']} warnings"
            )
    rows = [_row(each, now) for each in engines]
    for pod in missing:
        rows.append((f"{pod['namespace']}/{pod['pod']}", pod["gateway"], pod["state"], "", "", "", ""))
    return table(COLUMNS, sorted(rows)) + "".join(f"{printable(line)}\n" for line in lines)


def _row(engine: dict[str, Any], now: datetime) -> tuple[str, ...]:
    sync = engine["sync"]
    generation = sync.get("generation")
    heard = engine["acknowledged_at"]
    return (
        f"{engine['namespace']}/{engine['pod']}",
        engine["gateway"],
        sync["state"] + (", last bundle rejected" if engine["rejection"]["state"] == "rejected" else ""),
        str(generation or ""),
        ago(_time(generation), now),
        ago(datetime.fromisoformat(heard) if heard else None, now),
        engine["engine_version"],
    )


def _time(generation: int | None) -> datetime | None:
    """None also for one that no calendar has: it is the engine's word."""
    try:
        return datetime.fromtimestamp(generation / 1000, UTC) if generation else None
    except (ValueError, OverflowError, OSError):
        return None
