from __future__ import annotations

from collections.abc import Callable

import pytest

from microgateway_common.ir.matching import Exact, Prefix, Regex, RequestConditions
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.parser import (
    BodyFormat,
    MediaTypes,
    ParseAs,
    Parser,
    ParserRule,
    SkipParsing,
)
from microgateway_inspection.bodies import BodyReader
from microgateway_inspection.content import NO_BODY, FormBody, JsonBody, OpaqueBody, XmlBody
from microgateway_inspection.parsing.errors import UnreadableError
from microgateway_inspection.request import Headers, Request

MakeRequest = Callable[..., Request]
_FORM_TYPE = "application/x-www-form-urlencoded"


def _parser(*rules: ParserRule, default: str = _FORM_TYPE) -> Parser:
    media_types = (
        MediaTypes(BodyFormat.FORM, ".*urlencoded.*"),
        MediaTypes(BodyFormat.JSON, ".*json.*"),
        MediaTypes(BodyFormat.MULTIPART, ".*multipart.*"),
    )
    return Parser(DefaultOrigin("Parser"), default, rules, media_types)


@pytest.mark.parametrize(
    ("content_type", "body_format"),
    [
        ("application/json", BodyFormat.JSON),
        ("Application/JSON; charset=utf-8", BodyFormat.JSON),
        ("application/problem+json", BodyFormat.JSON),
        (_FORM_TYPE, BodyFormat.FORM),
        ("multipart/form-data; boundary=x", BodyFormat.MULTIPART),
        ("text/xml", BodyFormat.XML),
        ("application/xml; charset=utf-8", BodyFormat.XML),
        ("application/soap+XML", BodyFormat.XML),
        ("image/svg+xml", BodyFormat.XML),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", None),
        ("application/xml-dtd", None),
        ("text/plain", None),
        ("text/plain; x=json", None),
        ("", BodyFormat.FORM),
    ],
)
def test_the_media_type_decides(
    make_request: MakeRequest, content_type: str, body_format: BodyFormat | None
) -> None:
    reader = BodyReader.compile(_parser())
    for _ in range(2):
        assert reader.format(make_request(content_type=content_type)) is body_format


def test_clients_do_not_fill_the_memory_of_media_types(make_request: MakeRequest) -> None:
    reader = BodyReader.compile(_parser())
    for number in range(400):
        assert reader.format(make_request(content_type=f"text/x{number}")) is None
        boundary = f"multipart/form-data; boundary={number}"
        assert reader.format(make_request(content_type=boundary)) is BodyFormat.MULTIPART
        assert reader.format(make_request(content_type="a" * 200 + "/json")) is BodyFormat.JSON
    assert 0 < len(reader._remembered) <= 256
    assert max(map(len, reader._remembered)) <= 128


def test_media_types_are_told_apart_once_remembered(make_request: MakeRequest) -> None:
    reader = BodyReader.compile(_parser())
    lines, one = b'"a"\n"b"\n', b'["a"]'
    for _ in range(2):
        for written in ("application/x-ndjson", " Application/X-NDJSON ;charset=utf-8"):
            body = reader.read(make_request(content_type=written), BodyFormat.JSON, lines)
            assert isinstance(body, JsonBody)
            assert body.document.root == ["a", "b"]
        body = reader.read(make_request(content_type="application/json"), BodyFormat.JSON, one)
        assert isinstance(body, JsonBody)
        with pytest.raises(UnreadableError):
            reader.read(make_request(content_type="application/json"), BodyFormat.JSON, lines)
        with pytest.raises(UnreadableError):
            reader.read(make_request(), BodyFormat.JSON, lines)


def test_the_default_stands_in_for_a_missing_type(make_request: MakeRequest) -> None:
    reader = BodyReader.compile(_parser(default="application/json"))
    assert reader.format(make_request()) is BodyFormat.JSON


def test_the_first_rule_that_applies_decides(make_request: MakeRequest) -> None:
    skip = ParserRule(RequestConditions(path=Exact("/upload", False)), SkipParsing())
    force = ParserRule(RequestConditions(path=Prefix("/", False)), ParseAs(BodyFormat.JSON))
    reader = BodyReader.compile(_parser(skip, force))
    assert reader.format(make_request("/upload", content_type="application/json")) is None
    assert reader.format(make_request("/x", content_type="text/plain")) is BodyFormat.JSON


def test_of_several_types_one_with_a_parser_counts() -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-type", b"application/json")]
    reader = BodyReader.compile(_parser())
    assert reader.format(Request("POST", "/", b"", headers, "192.0.2.1")) is BodyFormat.JSON


@pytest.mark.parametrize(
    ("headers", "subtype"),
    [
        ([(b"content-type", b"application/json; charset=utf-7")], "charset"),
        ([(b"content-type", b"text/x"), (b"content-type", b"application/json")], "content_type_ambiguous"),
        ([(b"content-type", b"application/json;CHARSET=utf-7")], "charset"),
        ([(b"content-encoding", b"gzip")], "content_encoding"),
        ([(b"content-encoding", b"gzip"), (b"content-type", b"application/json")], "content_encoding"),
        ([(b"content-encoding", b"identity"), (b"content-encoding", b"br")], "content_encoding"),
    ],
)
def test_bodies_that_servers_read_otherwise_are_refused(headers: Headers, subtype: str) -> None:
    request = Request("POST", "/", b"", headers, "192.0.2.1")
    with pytest.raises(UnreadableError) as refused:
        BodyReader.compile(_parser()).read(request, BodyFormat.JSON, b"{}")
    assert refused.value.subtype == subtype


def test_xml(make_request: MakeRequest) -> None:
    request = make_request(content_type="text/xml")
    body = BodyReader.compile(_parser()).read(request, BodyFormat.XML, b"<a>1</a>")
    assert isinstance(body, XmlBody)
    assert body.document.values == [(0, "1")]


def test_the_parser_may_read_xml_otherwise(make_request: MakeRequest) -> None:
    skip = ParserRule(RequestConditions(path=Exact("/feed", False)), SkipParsing())
    reader = BodyReader.compile(_parser(skip))
    assert reader.format(make_request("/feed", content_type="text/xml")) is None
    assert reader.format(make_request(content_type="application/json+xml")) is BodyFormat.JSON


@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/jsonl; charset=utf-8"])
def test_json_lines(make_request: MakeRequest, media_type: str) -> None:
    request = make_request(content_type=media_type)
    reader = BodyReader.compile(_parser())
    body = reader.read(request, BodyFormat.JSON, b'"a"\n"b"\n')
    assert isinstance(body, JsonBody)
    assert body.document.root == ["a", "b"]


def test_an_empty_body_is_none(make_request: MakeRequest) -> None:
    reader = BodyReader.compile(_parser())
    for body_format in BodyFormat:
        assert reader.read(make_request(), body_format, b"") is NO_BODY


def test_a_prefix_is_read_as_far_as_it_goes(make_request: MakeRequest) -> None:
    reader = BodyReader.compile(_parser())
    assert reader.read_prefix(make_request(), BodyFormat.FORM, b"a=1&b") == FormBody(
        [(b"a", b"1"), (b"b", b"")]
    )
    assert reader.read_prefix(make_request(), BodyFormat.JSON, b'{"a": [') == OpaqueBody(b'{"a": [')
    assert reader.read_prefix(make_request(), BodyFormat.XML, b"<a>") == OpaqueBody(b"<a>")
    assert reader.read_prefix(make_request(), BodyFormat.MULTIPART, b"--B\r\n") == FormBody([])


def test_what_cannot_be_compiled_is_named() -> None:
    broken = Parser(DefaultOrigin("Parser"), "", (), (MediaTypes(BodyFormat.JSON, "("),))
    with pytest.raises(ValueError, match="media type of json: expected an RE2"):
        BodyReader.compile(broken)
    rule = ParserRule(RequestConditions(path=Regex("(", False)), SkipParsing())
    with pytest.raises(ValueError, match="parser rule 0: expected an RE2"):
        BodyReader.compile(_parser(rule))
