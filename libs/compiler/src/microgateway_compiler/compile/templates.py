"""Text with command operators → ir.templates."""

from __future__ import annotations

from microgateway_common.ir.templates import Template, Text
from microgateway_common.operators import parse_template
from microgateway_common.problems import Problem, Subject

from .part import Part


def template(subject: Subject, field: str, text: str) -> Part[Template]:
    try:
        return Part(parse_template(text))
    except ValueError as error:
        expected, got = _phrases(str(error))
        return Part((Text(""),), (Problem(subject, field, expected, got),))


def _phrases(message: str) -> tuple[str, str]:
    """`(expected, got)` of a message such as `position 3: expected an operator, got %X%`."""
    where, _, phrases = message.partition(": expected ")
    expected, separator, got = phrases.rpartition(", got ")
    if not separator:
        return "text with valid command operators", message
    return expected, f"{got} ({where})"
