"""Each matcher finds what it names, and never raises on what a client sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.matching import (
    AnyString,
    Contains,
    Exact,
    HeaderMatch,
    Prefix,
    Regex,
    StringMatch,
    Suffix,
)
from microgateway_inspection.matching import (
    compile_header_match,
    compile_match,
    exact_header_name,
    header_text,
)


@pytest.mark.parametrize(
    ("match", "text", "matches"),
    [
        (AnyString(), "", True),
        (Exact("Admin", False), "Admin", True),
        (Exact("Admin", False), "admin", False),
        (Exact("Admin", True), "aDMIN", True),
        (Exact("straße", True), "STRASSE", True),
        (Exact("Admin", True), "administrator", False),
        (Prefix("/API", False), "/API/v1", True),
        (Prefix("/API", False), "/api/v1", False),
        (Prefix("/API", True), "/api/v1", True),
        (Suffix(".Php", False), "a.Php", True),
        (Suffix(".Php", False), "a.php", False),
        (Suffix(".Php", True), "a.pHP", True),
        (Contains("Bot", False), "aBotb", True),
        (Contains("Bot", False), "abotb", False),
        (Contains("Bot", True), "aBOTb", True),
        (Regex("/v[0-9]+/.*", False), "/v12/x", True),
        (Regex("v[0-9]+", False), "/v12/x", False),
        (Regex("a|b", False), "ab", False),
        (Regex("/V1", False), "/v1", False),
        (Regex("/V1", True), "/v1", True),
        (Regex("ä.", True), "Äö", True),
        (Regex("a.b", False), "a\nb", False),
        (Regex("(?s)a.b", False), "a\nb", True),
        (Regex("a.*", False), "a\ud800", True),
    ],
)
def test_a_matcher_matches_what_it_names(match: StringMatch, text: str, matches: bool) -> None:
    assert compile_match(match)(text) is matches


@pytest.mark.parametrize("pattern", ["a(b", "(?<=a)b", "(a)\\1", "[z-a]", "\ud800", "a{1001}"])
def test_what_re2_refuses_is_a_value_error_with_the_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="expected an RE2 regular expression") as caught:
        compile_match(Regex(pattern, False))
    assert repr(pattern) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "field_name", "matches"),
    [
        (AnyString(), b"x", True),
        (Exact("X-Tenant", False), b"x-tenant", True),
        (Exact("X-Tenant", False), b"x-tenants", False),
        (Prefix("X-B3-", False), b"x-b3-traceid", True),
        (Suffix("-ID", False), b"x-request-id", True),
        (Contains("B3", False), b"x-b3-traceid", True),
        (Regex("X-B3-.*", False), b"x-b3-traceid", True),
        (Regex("X-B3", False), b"x-b3-traceid", False),
    ],
)
def test_header_names_compare_without_case(name: StringMatch, field_name: bytes, matches: bool) -> None:
    test = compile_header_match(HeaderMatch(name, AnyString()))
    assert test(field_name, b"value") is matches


def test_a_header_matches_by_name_and_value() -> None:
    test = compile_header_match(HeaderMatch(Exact("WWW-Authenticate", False), Prefix("negotiate", True)))
    assert test(b"www-authenticate", b"Negotiate abc")
    assert not test(b"www-authenticate", b"Basic realm=x")
    assert not test(b"authorization", b"Negotiate abc")


def test_values_are_utf_8_or_else_latin_1() -> None:
    assert header_text("Zürich".encode()) == "Zürich"
    assert header_text("Zürich".encode("latin-1")) == "Zürich"


def test_only_a_plain_name_is_an_exact_header_name() -> None:
    assert exact_header_name(HeaderMatch(Exact("Server", False), AnyString())) == b"server"
    assert exact_header_name(HeaderMatch(Exact("Server", False), Exact("x", False))) is None
    assert exact_header_name(HeaderMatch(Prefix("Server", False), AnyString())) is None


def matchers() -> st.SearchStrategy[StringMatch]:
    text, flag = st.text(max_size=5), st.booleans()
    return st.one_of(
        st.builds(Exact, text, flag),
        st.builds(Prefix, text, flag),
        st.builds(Suffix, text, flag),
        st.builds(Contains, text, flag),
        st.builds(Regex, st.sampled_from((".*", "a+b?", "[^x]*", "(é|ß)+")), flag),
    )


@given(matchers(), st.text(st.characters()), st.binary())
def test_no_text_and_no_field_makes_a_matcher_raise(match: StringMatch, text: str, value: bytes) -> None:
    assert compile_match(match)(text) in (True, False)
    assert compile_header_match(HeaderMatch(match, match))(b"x-name", value) in (True, False)


@given(matchers(), st.text(max_size=8))
def test_ignoring_case_matches_more_and_never_less(match: StringMatch, text: str) -> None:
    if isinstance(match, AnyString) or match.ignore_case or isinstance(match, Regex):
        return
    if compile_match(match)(text):
        assert compile_match(type(match)(match.value, True))(text)
