"""`microgateway blocks`: what engines blocked or would have blocked lately, the newest last."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from . import config_api
from .config_api import ConfigApi, ConfigApiError, RefusedError
from .output import add_output, printable, show, show_each, table

COLUMNS: Final = ("TIME", "MODE", "GATEWAY", "CLIENT", "REQUEST", "WHY", "REQUEST-ID")

#: Blocks that are shown when nobody says how many, and on a page of the API.
SHOWN: Final = 50
PAGE: Final = 1000

#: Widths of columns while following, when what comes next is not known; the last is not padded.
_WIDTHS: Final = (20, 8, 20, 15, 30, 60)

#: Seconds until a stream that broke off is opened again.
_AGAIN: Final = 1.0

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config_api.add_arguments(parser)
    parser.add_argument("-n", "--namespace", help="only of gateways of this namespace")
    parser.add_argument("--gateway", metavar="NAMESPACE/NAME", help="only of this gateway")
    parser.add_argument("--rule-key", metavar="KEY", help="only with a threat of this rule key or limit: SQL")
    parser.add_argument("--mode", choices=("block", "log-only"), help="only blocked, or only logged requests")
    parser.add_argument("--since", type=_ago, metavar="DURATION", help="only those of the last 30s, 5m or 2h")
    parser.add_argument(
        "--limit", type=_number, default=SHOWN, metavar="NUMBER", help="the newest (default: %(default)s)"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on and show new ones as they come")
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0. Raises ConfigApiError."""
    wanted = {
        "namespace": arguments.namespace,
        "gateway": arguments.gateway,
        "rule_key": arguments.rule_key,
        "mode": arguments.mode,
        "since": arguments.since and (datetime.now(UTC) - arguments.since).isoformat(),
    }
    query = {key: value for key, value in wanted.items() if value}
    with config_api.connect(arguments) as server:
        found = list(_newest(server, query, arguments.limit))
        if not arguments.follow:
            blocks = found[::-1]
            show({"blocks": blocks}, arguments.output, lambda: table(COLUMNS, map(_row, blocks)))
            return 0
        if arguments.output == "table":
            print(_line(COLUMNS), flush=True)
        for block in reversed(found):
            _show(block, arguments.output)
        _follow(server, query, found[0]["entry"] if found else "0-0", arguments.output)
    return 0


def _newest(server: ConfigApi, query: dict[str, str], limit: int) -> Iterator[dict[str, Any]]:
    """At most so many, the newest first."""
    page: dict[str, str | int] = {**query, "limit": min(limit, PAGE)}
    while limit > 0:
        answer = server.get("blocks", page)
        yield from answer["items"][:limit]
        limit -= len(answer["items"])
        if answer["next"] is None:
            return
        page["before"] = answer["next"]


def _follow(server: ConfigApi, query: dict[str, str], last: str, output: str) -> None:
    """Until interrupted. last: the entry that was shown last."""
    complained = False
    while True:
        try:
            for event in server.events("live"):
                complained = False
                if event.event != "blocked":
                    continue
                found = list(_newest(server, {**query, "after": last}, sys.maxsize))
                for block in reversed(found):
                    _show(block, output)
                last = found[0]["entry"] if found else last
        except ConfigApiError as error:
            if isinstance(error, RefusedError) and error.status != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            if not complained:
                print(f"microgateway: {error}; trying again", file=sys.stderr, flush=True)
            complained = True
        time.sleep(_AGAIN)


def _show(block: dict[str, Any], output: str) -> None:
    show_each(block, output, lambda: _line(_row(block)) + "\n")


def _row(block: dict[str, Any]) -> tuple[str, ...]:
    return (
        moment(block["time"]),
        block["mode"],
        block["gateway"],
        block["client"],
        f"{block['method']} {block['path']}",
        block["why"],
        block["request_id"],
    )


def _line(cells: tuple[str, ...]) -> str:
    padded = [printable(cell).ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False)]
    return "   ".join([*padded, printable(cells[-1])])


def moment(text: str | None) -> str:
    """RFC 3339, to the second."""
    if text is None:
        return "-"
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ago(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})([smh])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected a duration such as 30s, 5m or 2h, got {text!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number, 1 or more, got {text!r}")
    return int(text)
