"""Templates are read as they were written, or refused with a position."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.templates import Operator, Template, Text
from microgateway_common.operators import (
    ENVIRONMENT_VARIABLES,
    OPERATORS,
    UNAVAILABLE,
    Argument,
    Kind,
    check_operator,
    header_alternatives,
    parse_template,
)


def write(template: Template) -> str:
    """A template as text: the inverse of `parse_template`."""
    return "".join(
        part.value.replace("%", "%%") if isinstance(part, Text) else written(part) for part in template
    )


def written(operator: Operator) -> str:
    argument = f"({operator.argument})" if operator.argument else ""
    length = f":{operator.max_length}" if operator.max_length else ""
    return f"%{operator.name}{argument}{length}%"


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("", ()),
        ("plain", (Text("plain"),)),
        ("100%%", (Text("100%"),)),
        ("%%%%", (Text("%%"),)),
        ("%PROTOCOL%", (Operator("PROTOCOL", "", 0),)),
        ("%REQ(X-Tenant):20%", (Operator("REQ", "X-Tenant", 20),)),
        ("%REQ_MIME_TYPE:500%", (Operator("REQ_MIME_TYPE", "", 500),)),
        ("%%%PROTOCOL%%%", (Text("%"), Operator("PROTOCOL", "", 0), Text("%"))),
        (
            "max=%REQ(X-A?:PATH)%; %BYTES_SENT%",
            (Text("max="), Operator("REQ", "X-A?:PATH", 0), Text("; "), Operator("BYTES_SENT", "", 0)),
        ),
        ("%START_TIME(%Y-%m-%dT%T.%3f%z)%", (Operator("START_TIME", "%Y-%m-%dT%T.%3f%z", 0),)),
        ("%DOWNSTREAM_PEER_CERT%", (Operator("DOWNSTREAM_PEER_CERT", "", 0),)),
    ],
)
def test_a_template_is_texts_and_operators_in_order(text: str, template: Template) -> None:
    assert parse_template(text) == template


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "100%",
            "position 4: expected a command operator such as %PROTOCOL%, or %% for a percent sign",
        ),
        (
            "a %req(x)%",
            "position 3: expected a command operator such as %PROTOCOL%, or %% for a percent sign, got",
        ),
        ("ab%PROTOCL%", "position 2: expected a command operator (did you mean %PROTOCOL%?), got %PROTOCL%"),
        ("%ZZZZZZZZ%", "position 0: expected a command operator, got %ZZZZZZZZ%"),
        ("%REQ%", "expected a header name, or NAME?ALTERNATIVE, got ''"),
        ("%REQ()%", "position 5: expected an argument in %REQ()"),
        ("%REQ(a b)%", "expected a header name"),
        ("%REQ(a?b?c)%", "expected a header name"),
        ("%REQ(?a)%", "expected a header name"),
        ("%REQ(:cookie)%", "expected a header name"),
        ("%REQ(a", "position 6: expected a closing parenthesis after %REQ(, got the end"),
        ("%REQ(a)", "position 7: expected the percent sign that ends %REQ, got the end"),
        ("%REQ(a):%", "position 8: expected a length from 1 to 999999999"),
        ("%REQ(a):0%", "expected a length from 1"),
        ("%REQ(a):9999999999%", "expected a length from 1"),
        ("%PROTOCOL(x)%", "%PROTOCOL%: expected no argument, got 'x'"),
        ("%DURATION:3%", "%DURATION%: expected no length, got :3"),
        ("%START_TIME(%Q)%", "%START_TIME%: expected a time directive such as %Y or %3f, got %Q"),
        ("%ENVIRONMENT(REDIS_PASSWORD)%", "%ENVIRONMENT%: expected one of ENGINE_VERSION"),
    ],
)
def test_what_is_no_template_is_refused_with_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        parse_template(text)
    assert message in str(caught.value)


def test_a_newer_compilers_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a command operator"):
        check_operator(Operator("FROM_THE_FUTURE", "", 0))


def test_header_alternatives_are_in_lower_case_and_in_order() -> None:
    assert header_alternatives("X-Envoy-Original-Path?:PATH") == ("x-envoy-original-path", ":path")


def test_the_documented_default_access_log_is_understood() -> None:
    for text in (
        "%START_TIME(%Y-%m-%dT%T.%3f%z)%",
        "%END_TIME(%Y-%m-%dT%T.%3f%z)%",
        "%DURATION_IN_NANOSECONDS%",
        "%EVENT_TYPE%",
        "%ACCESS_CONTROL%",
        "%BLOCK_ACTION%",
        "%HEADER_REWRITES%",
        "%LOG_ONLY_ACTIONS%",
        "%REQ(ACCEPT-LANGUAGE):100%",
        "%DYNAMIC_METADATA(com.airlock.microgateway.telemetry:correlation_id)%",
        "%RESP(LOCATION):1000%",
        "%SESSION_ID%",
        "%LOG_CORRELATION%",
        "%SUMMARY_ACTION%",
        "%RESPONSE_FLAGS%",
        "%UPSTREAM_REMOTE_PORT%",
        "%UPSTREAM_HTTP_VERSION%",
        "%UPSTREAM_PEER_ISSUER%",
        "%REQUEST_HEADERS_AND_BODY_BYTES%",
        "%REQ(:METHOD):100%",
        "%RESP_MIME_TYPE:500%",
        "%ENVIRONMENT(ENGINE_VERSION)%",
        "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
        "%HTTP_HOST:500%",
        "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH):1000%",
    ):
        (operator,) = parse_template(text)
        assert isinstance(operator, Operator)


def arguments(wanted: Argument) -> st.SearchStrategy[str]:
    match wanted:
        case Argument.NONE:
            return st.just("")
        case Argument.HEADER:
            return st.sampled_from(("X-Tenant", ":path", "X-A?X-B", "a?:AUTHORITY"))
        case Argument.TIME_FORMAT:
            return st.sampled_from(("", "%s", "%Y/%m/%d", "%3f"))
        case Argument.KEY:
            return st.text(st.characters(exclude_characters=")"), min_size=1, max_size=9)
        case Argument.VARIABLE:
            return st.sampled_from(sorted(ENVIRONMENT_VARIABLES))


@st.composite
def operators(draw: st.DrawFn) -> Operator:
    name = draw(st.sampled_from(sorted(OPERATORS)))
    signature = OPERATORS[name]
    length = draw(st.integers(0, 9999)) if signature.kind is Kind.TEXT else 0
    return Operator(name, draw(arguments(signature.argument)), length)


def templates() -> st.SearchStrategy[Template]:
    text = st.text(min_size=1, max_size=9).map(Text)
    parts = st.lists(st.one_of(text, operators()), max_size=6)
    # Neighbouring texts are one text.
    return parts.filter(
        lambda found: not any(isinstance(a, Text) and isinstance(b, Text) for a, b in pairwise(found))
    ).map(tuple)


@given(templates())
def test_what_is_written_is_read_again(template: Template) -> None:
    assert parse_template(write(template)) == template


@given(st.text(st.sampled_from("%()REQ:?1a ")))
def test_reading_ends_in_a_template_or_a_value_error(text: str) -> None:
    try:
        template = parse_template(text)
    except ValueError:
        return
    assert parse_template(write(template)) == template


def test_no_operator_is_both_there_and_not() -> None:
    assert OPERATORS.keys() >= UNAVAILABLE
    assert "REQ" not in UNAVAILABLE
