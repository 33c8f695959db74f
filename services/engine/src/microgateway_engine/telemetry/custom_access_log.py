"""The access log that a Telemetry resource describes: a JSON object with command operators in it.

As in Envoy's JSON format a text that is one operator and nothing else keeps its type: a number stays
a number, a structure a structure, and what is missing is null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

import msgspec

from microgateway_common.ir.telemetry import JsonArray, JsonConstant, JsonNode, JsonObject, JsonText
from microgateway_common.ir.templates import Operator, Template
from microgateway_common.operators import check_operator
from microgateway_inspection.templates import compile_template, constant_text

from .operators import ExchangeContext, operator_function

if TYPE_CHECKING:
    from microgateway_engine.traffic.exchange import Exchange

#: A piece of the line, as msgspec encodes it.
_Node = Callable[[ExchangeContext], object]


def custom_line_format(wanted: JsonObject) -> Callable[[Exchange], bytes]:
    """What makes the line of a finished exchange, with its newline. Raises ValueError naming the
    member whose operators are not known."""
    line = _object(wanted, "")
    encode = msgspec.json.Encoder().encode
    return lambda exchange: encode(line(ExchangeContext(exchange))) + b"\n"


def _node(node: JsonNode, path: str) -> _Node:
    match node:
        case JsonConstant(value):
            return lambda _context: value
        case JsonText(template):
            try:
                return _text(template)
            except ValueError as error:
                raise ValueError(f"access log {path}: {error}") from error
        case JsonObject():
            return _object(node, path)
        case JsonArray(items):
            nodes = [_node(item, f"{path}[{index}]") for index, item in enumerate(items)]
            return lambda context: [each(context) for each in nodes]
        case _:
            assert_never(node)


def _object(wanted: JsonObject, path: str) -> _Node:
    members = [(name, _node(node, f"{path}.{name}")) for name, node in wanted.members]
    return lambda context: {name: node(context) for name, node in members}


def _text(template: Template) -> _Node:
    constant = constant_text(template)
    if constant is not None:
        return lambda _context: constant
    if len(template) == 1 and isinstance(template[0], Operator):
        return _typed(template[0])
    return compile_template(template)


def _typed(operator: Operator) -> _Node:
    check_operator(operator)
    value_of = operator_function(operator.name, operator.argument)
    if not operator.max_length:
        return lambda context: value_of(context.exchange)
    end = operator.max_length

    def cut(context: ExchangeContext) -> object:
        value = value_of(context.exchange)
        return value[:end] if isinstance(value, str) else value

    return cut
