from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection.parsing.errors import UnreadableError
from microgateway_inspection.parsing.form import parse_form, parse_form_body


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (b"", []),
        (b"a=1&b=2", [(b"a", b"1"), (b"b", b"2")]),
        (b"a=1&a=2", [(b"a", b"1"), (b"a", b"2")]),
        (b"a", [(b"a", b"")]),
        (b"=v", [(b"", b"v")]),
        (b"a=b=c", [(b"a", b"b=c")]),
        (b"&&a=1&", [(b"a", b"1")]),
        (b"a+b=c+d", [(b"a b", b"c d")]),
        (b"a=%2B%26%3D", [(b"a", b"+&=")]),
        (b"a%3Db=c%26d&e=%41", [(b"a=b", b"c&d"), (b"e", b"A")]),
        (b"a%26b=c%3Dd&%3D=%", [(b"a&b", b"c=d"), (b"=", b"%")]),
        (b"a=%41&b=%2&6=%4=1", [(b"a", b"A"), (b"b", b"%2"), (b"6", b"%4=1")]),
        (b"a=%zz%2&b=%", [(b"a", b"%zz%2"), (b"b", b"%")]),
        (b"a=1;b=2", [(b"a", b"1;b=2")]),
        (b"a=%00\xff", [(b"a", b"\x00\xff")]),
    ],
)
def test_as_the_standard_says(text: bytes, parameters: list[tuple[bytes, bytes]]) -> None:
    assert parse_form(text) == parameters


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_reads_what_the_standard_library_writes(pairs: list[tuple[str, str]]) -> None:
    text = urlencode(pairs, errors="surrogatepass")
    expected = [
        (name.encode("utf-8", "surrogatepass"), v.encode("utf-8", "surrogatepass")) for name, v in pairs
    ]
    assert parse_form(text.encode()) == expected


@given(st.text("%26+&=z;", max_size=60).map(str.encode))
def test_agrees_with_the_standard_library(text: bytes) -> None:
    expected = parse_qsl(text, keep_blank_values=True)
    assert [pair for pair in parse_form(text) if pair != (b"", b"")] == [
        pair for pair in expected if pair != (b"", b"")
    ]


@pytest.mark.parametrize("charset", [b"utf-8", b"ISO-8859-1", b"us-ascii"])
def test_a_form_may_name_its_charset(charset: bytes) -> None:
    assert parse_form_body(b"_charset_=" + charset) == [(b"_charset_", charset)]


@pytest.mark.parametrize("charset", [b"utf-7", b"ibm037", b"%75tf-16", b""])
def test_a_charset_that_changes_what_was_read_is_refused(charset: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_form_body(b"a=1&_charset_=" + charset)
    assert refused.value.subtype == "charset"
