"""`microgateway history`: which configurations a gateway had, and who changed what."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from . import config_api
from .output import add_output, ago, show, table

COLUMNS = ("GENERATION", "AGE", "STATE", "CHANGE", "OBJECT", "BY")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config_api.add_arguments(parser)
    parser.add_argument("gateway", metavar="NAMESPACE/NAME")
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0. Raises ConfigApiError."""
    with config_api.connect(arguments) as server:
        entries = server.all(f"gateways/{path_of(arguments.gateway)}/history")
    show({"entries": entries}, arguments.output, lambda: _text(entries, datetime.now(UTC)))
    return 0


def path_of(gateway: str) -> str:
    """Of its URL. Raises ConfigApiError."""
    namespace, separator, name = gateway.partition("/")
    if not (namespace and separator and name) or not set(gateway) <= _ALLOWED or gateway.count("/") > 1:
        raise config_api.ConfigApiError(f"gateway: expected NAMESPACE/NAME, got {gateway!r}")
    return gateway


#: Of names in Kubernetes (RFC 1123).
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-./")


def _text(entries: list[dict[str, Any]], now: datetime) -> str:
    return table(COLUMNS, (row for entry in entries for row in _rows(entry, now)))


def _rows(entry: dict[str, Any], now: datetime) -> Iterator[tuple[str, ...]]:
    """One for each change."""
    begin = (
        str(entry["generation"]),
        ago(datetime.fromisoformat(entry["compiled_at"]), now),
        "live" if entry["live"] else "",
    )
    if not entry["changes"]:
        why = "keys or reconciler replaced" if entry["since"] else "history begins"
        yield (*begin, why, "", "")
    for change in entry["changes"]:
        yield (*begin, change["change"], object_of(change), writer_of(change["writer"]))
    if entry["more"]:
        yield (*begin, f"and {entry['more']} more", "", "")


def object_of(change: dict[str, Any]) -> str:
    return f"{change['kind']} {change['namespace']}/{change['name']}"


def writer_of(writer: dict[str, Any]) -> str:
    """Who, in one phrase."""
    if writer["type"] == "manager":
        return f"{writer['manager']} at {writer['time']}"
    return str(writer["path"]) if writer["type"] == "file" else ""
