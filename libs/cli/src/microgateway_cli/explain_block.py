"""`microgateway explain REQUEST-ID`: why a request was blocked, as the config-api knows it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

from microgateway_inspection.explain.result import Change

from . import config_api
from .blocks import moment
from .explain_text import changes_text
from .output import printable, show

_WIDTH = 17


def run(arguments: argparse.Namespace, request_id: str) -> int:
    """0 when the configuration of now lets such a request pass, 1 when not. Raises ConfigApiError."""
    with config_api.connect(arguments) as server:
        found = server.get(f"blocks/{quote(request_id, safe='')}/explanation")
    output = "table" if arguments.output == "text" else arguments.output
    show(found, output, lambda: "\n".join(_text(found)) + "\n")
    return 0 if found["remedy"]["kind"] == "none" else 1


def _text(found: dict[str, Any]) -> Iterator[str]:
    block = found["block"]
    word = "blocked" if block["mode"] == "block" else "only logged"
    yield _line("request", f"{block['method']} {block['path']}, {word} {moment(block['time'])}")
    yield _line("gateway", f"{block['gateway']}, pod {block['pod']}, generation {block['generation']}")
    yield _line("client", f"{block['client']}, host {block['host']}")
    for cause in found["causes"]:
        yield _line("because", cause["reason"])
        yield _line("says", f"{cause['resource']}, {cause['field']}")
    for threat in block["threats"]:
        if threat["type"] == "deny_rules":
            yield _line("found", _found(threat))
    if block["omitted"]:
        yield _line("", f"and {block['omitted']} threats more")
    if found["policy"]:
        yield _line("policy now", found["policy"])
    yield from _remedy(found["remedy"])


def _found(threat: dict[str, Any]) -> str:
    place = threat["place"]
    part = " (its name)" if place["part"] == "name" else ""
    after = f" after {' → '.join(threat['decoding'])}" if threat["decoding"] else ""
    where = f"{place['type']} {place['name']}".strip()
    return f"{threat['rule_key']} in {where}{part}{after}: {threat['matched']}"


def _remedy(remedy: dict[str, Any]) -> Iterator[str]:
    match remedy["kind"]:
        case "offered":
            yield "\nThe smallest change that lifts what was found:"
            yield from changes_text(msgspec.convert(remedy["changes"], list[Change]))
        case "not offered":
            yield f"\nNo change is proposed: {printable(remedy['reason'])}."
        case _:
            yield "\nThe configuration of now lets this through."


def _line(name: str, text: str) -> str:
    return f"{name:<{_WIDTH}}{printable(text)}"
