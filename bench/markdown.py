"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def table(texts: str, numbers: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """texts: titles of the first columns, separated by commas. numbers: of the others, on the right."""
    left = texts.split(", ")
    rule = [*("---" for _ in left), *("---:" for _ in numbers)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in ([*left, *numbers], rule, *lines))
