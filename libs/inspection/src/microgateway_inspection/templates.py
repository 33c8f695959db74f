"""Templates made ready: text with command operators, filled in for one request.

Values of operators come from whoever knows the exchange; here they are cut to their length, and
control characters in them become spaces, so that no client's data can end a header field or a line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, assert_never

from microgateway_common.ir.templates import Operator, Template, Text
from microgateway_common.operators import check_operator

#: What Envoy writes where a value is missing.
MISSING: Final = "-"

#: C0, DEL and C1 (ISO 6429).
_CONTROLS: Final = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")


class TemplateContext(Protocol):
    """Where values come from: one request and its response, as far as they went."""

    def operator_text(self, name: str, argument: str) -> str | None:
        """The value of an operator (`microgateway_common.operators`), None when it is missing."""


Rendered = Callable[[TemplateContext], str]


def compile_template(template: Template, missing: str = MISSING) -> Rendered:
    """Raises ValueError when an operator is unknown or has an argument it does not take."""
    pieces = [_piece(part, missing) for part in template]
    if len(pieces) == 1:
        return pieces[0]
    return lambda context: "".join([piece(context) for piece in pieces])


def constant_text(template: Template) -> str | None:
    """The text of a template without operators."""
    texts = [part.value for part in template if isinstance(part, Text)]
    return "".join(texts) if len(texts) == len(template) else None


def printable(text: str) -> str:
    """Without control characters."""
    return text if text.isprintable() else text.translate(_CONTROLS)


def _piece(part: Text | Operator, missing: str) -> Rendered:
    match part:
        case Text(value):
            return lambda _context: value
        case Operator(name, argument, max_length):
            check_operator(part)
            end = max_length or None

            def render(context: TemplateContext) -> str:
                value = context.operator_text(name, argument)
                return missing if value is None else printable(value[:end])

            return render
        case _:
            assert_never(part)
