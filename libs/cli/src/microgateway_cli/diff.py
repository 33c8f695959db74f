"""`microgateway diff`: between two configurations a gateway had, or what manifests would change.

microgateway diff shop/web                 the last change
microgateway diff shop/web 1767225600000   what has changed since
microgateway diff -f manifests/            what these would change; nothing is applied
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from microgateway_reconciler.sources.directory import manifest_files

from . import config_api
from .differences_text import WITHHELD, differences, problems
from .history import object_of, path_of, writer_of
from .manifests import NoManifestsError
from .output import add_output, printable, show

#: The path that stands for standard input.
STDIN = Path("-")

_VERDICTS = {
    "unchanged": "unchanged",
    "changed": "changes",
    "new": "is new",
    "refused": "is refused: its engines keep what they have",
    "gone": "goes, and its pods have none",
}


class UsageError(NoManifestsError):
    """Arguments that do not go together."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config_api.add_arguments(parser)
    parser.add_argument("gateway", nargs="?", metavar="NAMESPACE/NAME")
    for name, default in (("from", "previous"), ("to", "current")):
        parser.add_argument(
            name, nargs="?", default=default, metavar=name.upper(),
            help="a generation, previous or current (default: %(default)s)",
        )  # fmt: skip
    parser.add_argument(
        "-f", "--filename", type=Path, action="append", metavar="PATH",
        help="instead of a gateway: a file or folder of manifests, - for standard input; may be repeated",
    )  # fmt: skip
    parser.add_argument("-n", "--namespace", default="default", help="of objects in manifests that name none")
    parser.add_argument(
        "--complete",
        action="store_true",
        help="the manifests are all there is in their namespaces: what is not among them goes, but Secrets",
    )
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 when nothing differs, 1 otherwise. Raises ConfigApiError, NoManifestsError."""
    if (arguments.gateway is None) == (arguments.filename is None):
        raise UsageError("diff: expected a gateway, or manifests with -f")
    if arguments.filename is None:
        return _between(arguments)
    return _dry_run(arguments)


def _between(arguments: argparse.Namespace) -> int:
    with config_api.connect(arguments) as server:
        query = {"from": getattr(arguments, "from"), "to": arguments.to}
        found = server.get(f"gateways/{path_of(arguments.gateway)}/diff", query)
    show(found, arguments.output, lambda: _lines(_between_text(found)))
    return 1 if found["differences"] else 0


def _between_text(found: dict[str, Any]) -> Iterator[str]:
    ends = f"{found['from_generation']} → {found['to_generation']}"
    yield f"gateway {found['namespace']}/{found['name']}: {ends}"
    for entry in found["entries"]:
        for change in entry["changes"]:
            who = writer_of(change["writer"])
            by = f" by {who}" if who else ""
            yield printable(f"  {entry['generation']} {change['change']} {object_of(change)}{by}")
    yield from _differences(found)


def _dry_run(arguments: argparse.Namespace) -> int:
    files = [{"path": path, "content": content} for path, content in _read(arguments.filename)]
    question = {"files": files, "namespace": arguments.namespace, "complete": arguments.complete}
    with config_api.connect(arguments) as server:
        found = server.post("dry-run", question)
    show(found, arguments.output, lambda: _lines(_dry_run_text(found)))
    verdicts = {each["verdict"] for each in found["gateways"]}
    return 0 if verdicts <= {"unchanged"} and not found["problems"] else 1


def _dry_run_text(found: dict[str, Any]) -> Iterator[str]:
    yield from problems(found["problems"])
    for each in found["unused"]:
        yield printable(f"no gateway refers to {object_of(each)}")
    for gateway in found["gateways"]:
        yield f"gateway {gateway['namespace']}/{gateway['name']} {_VERDICTS[gateway['verdict']]}"
        yield from problems(gateway.get("problems", ()))
        if "differences" in gateway:
            yield from _differences(gateway)
        elif gateway.get("withheld"):
            yield WITHHELD
    if not found["gateways"]:
        yield "no gateway is touched"


def _differences(found: dict[str, Any]) -> Iterator[str]:
    yield from differences(found["differences"], found["more"])
    if not found["differences"]:
        yield "no difference"
    if found["withheld"]:
        yield WITHHELD


def _read(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Raises NoManifestsError."""
    for path in paths:
        if path == STDIN:
            yield "standard input", sys.stdin.read()
            continue
        if not path.exists():
            raise NoManifestsError(f"{path}: expected a file or folder of manifests, got nothing there")
        files = list(manifest_files([path]))
        if not files:
            raise NoManifestsError(f"{path}: expected *.yaml, *.yml or *.json files, got none")
        for file in files:
            try:
                yield str(file), file.read_text()
            except UnicodeDecodeError as error:
                raise NoManifestsError(f"{file}: expected UTF-8: {error}") from error
            except OSError as error:
                raise NoManifestsError(f"{file}: {error.strerror}") from error


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
