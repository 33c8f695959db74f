"""Strings with a syntax of their own are checked when they are read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from microgateway_common.resources.text import CidrRange, HeaderName, RegexPattern


def validate(kind: Any, text: str) -> str:
    validated: str = TypeAdapter(kind).validate_python(text)
    return validated


def refusal(kind: Any, text: str) -> str:
    with pytest.raises(ValidationError) as raised:
        validate(kind, text)
    return raised.value.errors()[0]["msg"]


@pytest.mark.parametrize("pattern", ["a", "^/api/v[0-9]+$", "(?i)x|y", "\\pL"])
def test_re2_patterns_are_accepted(pattern: str) -> None:
    assert validate(RegexPattern, pattern) == pattern


def test_a_pattern_re2_cannot_compile_is_refused_with_its_reason(capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        refusal(RegexPattern, "(a") == 'expected a regular expression in RE2 syntax, got "(a" (missing ): (a)'
    )
    assert "(?=" in refusal(RegexPattern, "a(?=b)")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("fd00::1/8", "fd00::/8"),
    ],
)
def test_cidr_ranges_are_made_canonical(text: str, canonical: str) -> None:
    assert validate(CidrRange, text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.1",
        "10.0.0.0/33",
        "10.0.0.0/255.0.0.0",
        "10.0.0/8",
        "x/8",
        "fe80::1%eth0/64",
        "10.0.0.0/-1",
    ],
)
def test_what_is_no_cidr_range_is_refused(text: str) -> None:
    assert refusal(CidrRange, text).startswith("expected a CIDR range such as 10.0.0.0/8")


@pytest.mark.parametrize("name", ["X-Forwarded-For", "a", "!#$%&'*+-.^_`|~"])
def test_tokens_are_header_names(name: str) -> None:
    assert validate(HeaderName, name) == name


@pytest.mark.parametrize("name", ["a b", "a:", ":path", "\u00e4", "a\n", "a\x00"])
def test_what_is_no_token_is_no_header_name(name: str) -> None:
    assert refusal(HeaderName, name).startswith("expected a header name")
