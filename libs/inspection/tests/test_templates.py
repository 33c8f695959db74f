"""Templates are filled in with what is there, and no value brings control characters along."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.templates import Operator, Text
from microgateway_common.operators import parse_template
from microgateway_inspection.templates import compile_template, constant_text, printable


class Values:
    """Values by operator name and argument."""

    def __init__(self, **values: str) -> None:
        self._values = values

    def operator_text(self, name: str, argument: str) -> str | None:
        return self._values.get(argument or name)


def rendered(text: str, **values: str) -> str:
    return compile_template(parse_template(text))(Values(**values))


def test_operators_are_replaced_by_their_values() -> None:
    assert (
        rendered("%PROTOCOL% for %REQ(tenant)%!", PROTOCOL="HTTP/1.1", tenant="acme") == "HTTP/1.1 for acme!"
    )


def test_a_length_cuts_the_value() -> None:
    assert rendered("<%REQ(tenant):3%>", tenant="abcdef") == "<abc>"
    assert rendered("<%REQ(tenant):9%>", tenant="abc") == "<abc>"


def test_a_missing_value_is_a_hyphen() -> None:
    assert rendered("<%REQ(tenant):3%>") == "<->"
    assert rendered("<%REQ(tenant)%>", tenant="") == "<>"


def test_what_stands_for_a_missing_value_can_be_chosen() -> None:
    assert compile_template(parse_template("<%REQ(tenant)%>"), missing="")(Values()) == "<>"


def test_an_empty_template_is_an_empty_text() -> None:
    assert rendered("") == ""


def test_a_value_cannot_end_a_header_field() -> None:
    assert rendered("%REQ(a)%", a="x\r\nset-cookie: y\x00\x7f\x85") == "x  set-cookie: y   "


def test_text_beyond_ascii_stays() -> None:
    assert printable("Zürich\u00a0東京") == "Zürich\u00a0東京"


def test_only_templates_without_operators_are_constant() -> None:
    assert constant_text(()) == ""
    assert constant_text((Text("a"), Text("b"))) == "ab"
    assert constant_text((Text("a"), Operator("PROTOCOL", "", 0))) is None


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a command operator"):
        compile_template((Operator("FROM_THE_FUTURE", "", 0),))


@given(st.text(st.characters()), st.integers(0, 20))
def test_rendering_never_yields_control_characters(value: str, length: int) -> None:
    template = (Text("a "), Operator("REQ", "x", length))
    text = compile_template(template)(Values(x=value))
    assert not [each for each in text if unicodedata.category(each) == "Cc"]
    assert len(text) <= 2 + (length or len(value))
