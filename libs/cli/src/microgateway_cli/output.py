"""The answer of a command that queries: a table for people, JSON or YAML for machines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import yaml

FORMATS = ("table", "json", "yaml")

#: Between two columns, as kubectl has it.
_GAP = "   "


def add_output(parser: argparse.ArgumentParser) -> None:
    """`-o`; its value is `arguments.output`."""
    parser.add_argument("-o", "--output", choices=FORMATS, default="table", help="(default: %(default)s)")


def show(data: Any, output: str, people: Callable[[], str]) -> None:
    """Print it. data: what JSON can say. output: of FORMATS. people: lines with their ends, for `table`."""
    if output == "json":
        print(json.dumps(data, indent=2))
    elif output == "yaml":
        print(yaml.safe_dump(data, sort_keys=False), end="")
    else:
        print(people(), end="")


def show_each(data: Any, output: str, people: Callable[[], str]) -> None:
    """Print one of several that come one by one: a line of JSON, or a document of YAML."""
    if output == "json":
        print(json.dumps(data), flush=True)
    elif output == "yaml":
        print(yaml.safe_dump(data, sort_keys=False, explicit_start=True), end="", flush=True)
    else:
        print(people(), end="", flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines with their ends. An empty cell is a dash, so that rows can be cut at blanks."""
    cells = [tuple(columns), *(tuple(printable(cell) or "-" for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    return "".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in cells
    )


def printable(text: str) -> str:
    """Control characters as escapes: what others wrote must not steer the terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def ago(moment: datetime | None, now: datetime) -> str:
    """As kubectl tells ages: `42s`, `7m`, `3h`, `12d`; a dash for None."""
    if moment is None:
        return "-"
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
