"""Parsers raise nothing but UnreadableError, read what the standard library reads, and their texts can be
located. The first byte says which parser."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from microgateway_inspection.parsing.cookies import parse_cookies
from microgateway_inspection.parsing.encoding import check_charset, check_coding
from microgateway_inspection.parsing.errors import UnreadableError
from microgateway_inspection.parsing.form import parse_form, parse_form_body
from microgateway_inspection.parsing.json import location_text, nodes, parse_json, parse_json_lines
from microgateway_inspection.parsing.multipart import parse_multipart, parse_multipart_prefix
from microgateway_inspection.parsing.path import parse_path, whole_path
from microgateway_inspection.parsing.xml import parse_xml, paths

INSTRUMENT = ("microgateway_inspection",)

SEEDS = (
    b"0a=1&b=%41+c&&=&a[]=%zz&_charset_=utf-8",
    b'1{"a": [1, "x", {"b": "\\u003a"}], "c": null}',
    b'2{"a": 1}\n{"b": ["c"]}\n',
    b'3--B\r\nContent-Disposition: form-data; name=a; filename="f"\r\nX: y\r\n\r\n1\r\n--B--\r\n',
    b'4<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e "f">]><a b="&e;">c<!-- d --><![CDATA[e]]><?f g?>&lt;</a>',
    b'5a="b;c"; d=e; f',
    b"6/a/%2e%2e/b%zz",
    b"7text/plain; charset=utf-8; boundary=x",
)


def check(data: bytes) -> None:
    parsers = (_form, _json, _json_lines, _multipart, _xml, _cookies, _path, _media_type)
    with suppress(UnreadableError):
        parsers[data[0] % 8 if data else 0](data[1:])


def _form(text: bytes) -> None:
    read = parse_form(text)
    expected = parse_qsl(
        text.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=None
    )
    assert [(name.decode("latin-1"), value.decode("latin-1")) for name, value in read] == expected
    assert sum(len(name) + len(value) for name, value in read) <= len(text)
    parse_form_body(text)


def _json(text: bytes) -> None:
    document = parse_json(text)
    assert sorted(document.names + document.values) == sorted(_texts(json.loads(text)))
    found = list(nodes(document))
    assert [node.key for node in found if node.named] == document.names
    assert [node.value for node in found if isinstance(node.value, str)] == document.values
    for node in found:
        assert location_text(node.location).startswith("$")


def _json_lines(text: bytes) -> None:
    document = parse_json_lines(text)
    expected = [json.loads(line) for line in text.split(b"\n") if line.strip()]
    assert sorted(document.names + document.values) == sorted(_texts(expected))


def _texts(root: Any) -> list[str]:
    """Every name and string, without recursion."""
    found: list[str] = []
    open_values = [root]
    while open_values:
        value = open_values.pop()
        match value:
            case str():
                found.append(value)
            case dict():
                found += value
                open_values += value.values()
            case list():
                open_values += value
    return found


def _multipart(text: bytes) -> None:
    parse_multipart_prefix(text, b"multipart/form-data; boundary=B")
    read = parse_multipart(text, b"multipart/form-data; boundary=B")
    assert sum(len(value) for _name, value in read) <= len(text)


def _xml(text: bytes) -> None:
    document = parse_xml(text)
    assert len(paths(document)) == len(document.steps)
    values = [value for _node, value in document.values]
    # ElementTree refuses what breaks the rules of namespaces, and unbound prefixes.
    with suppress(ElementTree.ParseError):
        for element in ElementTree.fromstring(text).iter():  # noqa: S314 - parse_xml took it
            content = element.text or ""
            assert not content.strip() or any(content in each for each in values)


def _cookies(text: bytes) -> None:
    read = parse_cookies(text)
    assert sum(len(value) for _name, value in read) <= 2 * len(text)


def _path(text: bytes) -> None:
    segments = parse_path("/" + text.decode("latin-1"))
    assert whole_path(segments).startswith(b"/")


def _media_type(text: bytes) -> None:
    for test in (check_charset, check_coding):
        run: Callable[[bytes], None] = test
        with suppress(UnreadableError):
            run(text)
