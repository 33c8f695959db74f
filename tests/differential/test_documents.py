"""Of JSON and XML that is not refused, each name and text that a server's parser gives is inspected; and each
cookie of a Cookie header."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from xml.dom import minidom
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import cookie_parser
from werkzeug.http import parse_cookie

from microgateway_inspection.decoding import forms
from microgateway_inspection.parsing.cookies import parse_cookies
from microgateway_inspection.parsing.errors import UnreadableError
from microgateway_inspection.parsing.json import parse_json
from microgateway_inspection.parsing.xml import parse_xml, paths

Pairs = list[tuple[str, str]]

_JSON_PIECES: Final = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"a"',
        b'"b"',
        b'"',
        b"1",
        b"1.5e3",
        b"-",
        b"null",
        b"true",
        b"NaN",
    ),
    *(
        b" ",
        b"\n",
        b"\\u003c",
        b"\\u0022",
        b"\\",
        b"\\n",
        b"\xc3\xa9",
        b"\xff",
        b"//",
        b"/*",
        b"'",
        b'"a":1',
        b"\0",
    ),
)


def _texts(value: Any) -> set[str]:
    """Every name and every string."""
    match value:
        case str():
            return {value}
        case dict():
            return {*value, *(text for each in value.values() for text in _texts(each))}
        case list():
            return {text for each in value for text in _texts(each)}
        case _:
            return set()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(_JSON_PIECES), max_size=14).map(b"".join)
    | st.builds(
        lambda names, text: json.dumps([dict.fromkeys(names, text)]).encode(),
        st.lists(st.text(max_size=3), max_size=3),
        st.text(max_size=5),
    )
)
def test_json(node: Any, body: bytes) -> None:
    try:
        document = parse_json(body)
    except UnreadableError:
        return
    inspected = {*document.names, *document.values}
    assert _texts(json.loads(body)) <= inspected
    found: Pairs = node.parse("json", body)
    assert {text for pair in found for text in pair if text} <= inspected


#: What some servers read and others do not, or differently: RFC 8259 sections 4, 6, 7, 8 and 9.
_ODD_JSON: Final = (
    *(b'{"a": NaN, "b": "<b>"}', b'["<b>", Infinity]', b'["<b>", 1e999]', b'["<b>", -1E+400]'),
    *(b'["<b>", ' + b"9" * 400 + b"]", b'["<b>", 1.' + b"0" * 400 + b"]", b'["<b>", 01]', b'["<b>", +1]'),
    *(
        b'\xef\xbb\xbf["<b>"]',
        '["<b>"]'.encode("utf-16"),
        '["<b>"]'.encode("utf-16-le"),
        '["<b>"]'.encode("utf-32"),
    ),
    *(
        b'["\\ud800<b>"]',
        b'["\\ud83d\\u003cb>"]',
        b'["\\ud83d\\ude00<b>"]',
        b'["<b\x01>"]',
        b'["<b>\xff"]',
        b'["\xc0\xbcb>"]',
    ),
    *(
        b'["<b>",]',
        b"['<b>']",
        b'["<b>"]//',
        b'["<b>"] ["c"]',
        b'["<b>"]\0',
        b'{"a\\u0000": "<b>"}',
        b'{"__proto__": "<b>"}',
    ),
)


@pytest.mark.parametrize("body", _ODD_JSON)
def test_odd_json_is_refused_or_inspected_as_servers_read_it(node: Any, body: bytes) -> None:
    try:
        document = parse_json(body)
    except UnreadableError:
        return
    inspected = {*document.names, *document.values}
    assert _texts(json.loads(body)) <= inspected
    assert {text for pair in node.parse("json", body) for text in pair if text} <= inspected


@pytest.mark.parametrize(
    "body", [b'{"a": "x", "a": "y"}', b'{"a": "<b>", "\\u0061": "y"}', b'[{"a": {"b": 1, "b": 2}}]']
)
def test_json_that_servers_read_differently_is_refused(node: Any, body: bytes) -> None:
    assert json.loads(body)
    assert node.parse("json", body)
    with pytest.raises(UnreadableError):
        parse_json(body)


_XML_PIECES: Final = (
    *(
        b"<a>",
        b"</a>",
        b"<b/>",
        b'<b c="d"/>',
        b"<c d='&lt;e'>",
        b"</c>",
        b"text",
        b"<![CDATA[<s>]]>",
        b"<!-- x -->",
    ),
    *(b"&lt;", b"&#60;", b"&#x3c;", b"&e;", b" ", b"\r\n", b"<?p q?>", b"\xc3\xa9", b"]]>", b"&amp;lt;"),
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([b"", b'<?xml version="1.0"?>', b'<!DOCTYPE r [<!ENTITY e "f">]>', b"\xef\xbb\xbf"]),
    st.lists(st.sampled_from(_XML_PIECES), max_size=8).map(b"".join),
)
def test_xml(prolog: bytes, content: bytes) -> None:
    body = prolog + b"<r>" + content + b"</r>"
    try:
        document = parse_xml(body)
    except UnreadableError:
        return
    where = paths(document)
    inspected = [(where[node], value) for node, value in document.values]
    whole = [value for path, value in inspected if "(" not in path and "@" not in path]
    for element in ElementTree.fromstring(body).iter():
        assert element.tag in document.names
        for attribute in element.attrib.items():
            assert any(
                path.endswith(f"/@{attribute[0]}") and value == attribute[1] for path, value in inspected
            )
        _inside(element.text, whole)
        _inside(element.tail, whole)
    for text in _text_nodes(minidom.parseString(body).documentElement):
        _inside(text, whole)


def _inside(text: str | None, whole: list[str]) -> None:
    if text and not text.isspace():
        assert any(text in value for value in whole)


def _text_nodes(node: Any) -> list[str]:
    found = [node.data] if node.nodeType in (node.TEXT_NODE, node.CDATA_SECTION_NODE) else []
    return found + [text for child in node.childNodes for text in _text_nodes(child)]


def _standard(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


_COOKIE_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "http.cookies": _standard,
    "starlette": cookie_parser,
    "werkzeug": parse_cookie,
}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "b",
                "=",
                ";",
                "; ",
                ",",
                '"',
                '\\"',
                "\\073",
                " ",
                "<",
                "%3c",
                "$Path",
                "a=b",
                "Ã©",
                "\t",
                "'",
            ]
        ),
        max_size=10,
    ).map("".join)
)
@pytest.mark.parametrize("reader", _COOKIE_READERS)
def test_cookies(reader: str, header: str) -> None:
    """A piece without `=` is a name to some and a value to others, and http.cookies splits at white space as
    well: names and values are looked for in the same cookie, whichever they are."""
    inspected = [
        _plain(name) + _plain(text)
        for name, value in parse_cookies(header.encode("latin-1"))
        for text in _decoded(value)
    ]
    for name, value in _COOKIE_READERS[reader](header).items():
        seen = {
            text
            for text in inspected
            for each in _decoded(value.encode("latin-1", "replace"))
            if _plain(each) in text
        }
        assert any(_plain(name.encode("latin-1", "replace")) in text for text in seen) or not (
            name or value
        ), header


def _decoded(value: bytes) -> list[bytes]:
    return [value, *(form.text for form in forms(value))]


def _plain(text: bytes) -> str:
    """Without the escapes and quotes of quoted cookies, and what is no ASCII."""
    return re.sub(r'[^\0-\x7f]|[?\\"\s]', "", text.decode("latin-1"))
