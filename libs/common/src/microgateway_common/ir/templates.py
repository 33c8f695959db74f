"""Text with command operators, `%REQ(X-Tenant):20%`, as header values and access logs use them."""

from __future__ import annotations

from msgspec import Struct


class Text(Struct, frozen=True, tag="text"):
    value: str


class Operator(Struct, frozen=True, tag="operator"):
    """A command operator. argument: the empty string when it has none; max_length: 0 for no limit."""

    name: str
    argument: str
    max_length: int


#: A text with its operators, in order.
Template = tuple[Text | Operator, ...]
