"""Fields: the pieces of a request, what each is called and what in it is looked at.

    Content                    a request, parsed
    texts(content)             what is scanned: plain bytes, cheap, for every request
    fields(content)            the same in the same order as Fields with names, for a request with a finding

Cookies are header fields named `cookie:<name>`: an exception for the header `Cookie` covers all of them,
one for `cookie:consent` only that one. Names are looked at as well as values.

Headers that the gateway itself reads by a closed grammar or does not pass on are no fields of a scan:
they cannot carry anything to the application.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, assert_never

from microgateway_common.ir.data import FieldType, ParameterSource

from .content import NO_BODY, Body, Content, FormBody, JsonBody, NoBody, OpaqueBody, XmlBody
from .masking import masked, secret_segments
from .matching import header_text
from .parsing.cookies import parse_cookies
from .parsing.document import Document, Json
from .parsing.form import Parameter
from .parsing.json import Location, location_text, nodes, scalar_text
from .parsing.path import whole_path
from .parsing.xml import XmlDocument, paths
from .request import Headers
from .verdict import Place

#: Checked by the engine's HTTP parser, or of one connection (RFC 9110 section 7.6.1).
UNSCANNED_HEADERS: Final = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"te", b"upgrade")
)


@dataclass(frozen=True, slots=True)
class PathField:
    """path: as requests have it, percent-encoded; value: decoded."""

    path: str
    value: str


@dataclass(frozen=True, slots=True)
class SegmentField:
    """A segment of the path; the first is 0."""

    path: str
    index: int
    value: str


@dataclass(frozen=True, slots=True)
class HeaderField:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class CookieField:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ParameterField:
    """source: Query or Post."""

    name: str
    value: str
    source: ParameterSource


@dataclass(frozen=True, slots=True)
class JsonField:
    """key: the nearest enclosing member name. A body that is no JSON is one value at the root."""

    location: Location
    key: str
    value: Json


Field = PathField | SegmentField | HeaderField | CookieField | ParameterField | JsonField

NAME: Final = "name"
VALUE: Final = "value"


def texts(content: Content) -> list[bytes]:
    """Every text to be scanned, in the order of `fields`, JSON excluded (see `json_texts`)."""
    found = path_texts(content)
    for parameter in content.query:
        found += parameter
    found += header_texts(content.headers)
    body = content.body
    if isinstance(body, FormBody):
        for parameter in body.parameters:
            found += parameter
    else:
        found += unnamed_texts(body)
    return found


def texts_before_body(content: Content) -> int:
    """How many of `texts` come before those of the body."""
    return len(texts(Content(content.request, content.query, content.headers, NO_BODY)))


def path_texts(content: Content) -> list[bytes]:
    segments = content.segments
    return [*segments, whole_path(segments)]


def header_texts(headers: Headers) -> list[bytes]:
    """Names and values."""
    found: list[bytes] = []
    for name, value in headers:
        found.append(name)
        if name == b"cookie":
            for cookie in parse_cookies(value):
                found += cookie
        else:
            found.append(value)
    return found


def unnamed_texts(body: Body) -> list[bytes]:
    """Of a body that is neither parameters nor JSON."""
    if isinstance(body, XmlBody):
        document = body.document
        names = [name.encode() for name in document.names]
        return names + [value.encode() for _node, value in document.values]
    return [body.text] if isinstance(body, OpaqueBody) else []


def json_texts(document: Document) -> list[str]:
    """Every text of a document, names first; they come after those of `texts`."""
    return document.names + document.values


def fields(content: Content) -> Iterator[tuple[Field, str]]:
    """For each text the field it belongs to, and whether it is its name or its value."""
    path = content.request.path
    segments = content.segments
    for index, segment in enumerate(segments):
        yield SegmentField(path, index, header_text(segment)), VALUE
    yield PathField(path, header_text(whole_path(segments))), VALUE
    yield from _parameters(content.query, ParameterSource.QUERY)
    for name, value in content.headers:
        header = HeaderField(header_text(name), header_text(value))
        yield header, NAME
        if name == b"cookie":
            for cookie_name, cookie_value in parse_cookies(value):
                cookie = CookieField(header_text(cookie_name), header_text(cookie_value))
                yield cookie, NAME
                yield cookie, VALUE
        else:
            yield header, VALUE
    match content.body:
        case NoBody():
            pass
        case FormBody(parameters):
            yield from _parameters(parameters, ParameterSource.POST)
        case JsonBody(document):
            yield from _json(document)
        case XmlBody(document):
            yield from _xml(document)
        case OpaqueBody(text):
            yield JsonField((), "", header_text(text)), VALUE
        case _:
            assert_never(content.body)


def all_fields(content: Content) -> Iterator[Field]:
    """Every field once, for rules about data: also headers that are not scanned, the Cookie header as a
    whole, and JSON values that are no text."""
    whole = Content(content.request, content.query, content.request.headers, NO_BODY)
    previous: Field | None = None
    for field, _part in fields(whole):
        if field is not previous:
            yield field
        previous = field
    match content.body:
        case NoBody():
            pass
        case FormBody(parameters):
            for parameter, part in _parameters(parameters, ParameterSource.POST):
                if part == NAME:
                    yield parameter
        case JsonBody(document):
            for node in nodes(document):
                yield JsonField(node.location, node.key, node.value)
        case XmlBody(document):
            for field, part in _xml(document):
                if part == VALUE:
                    yield field
        case OpaqueBody(text):
            yield JsonField((), "", header_text(text))
        case _:
            assert_never(content.body)


def place(field: Field, part: str) -> Place:
    """Where it is, as threats tell it: secrets in names are masked."""
    match field:
        case PathField():
            return Place(FieldType.PATH, "", part)
        case SegmentField(_, index):
            return Place(FieldType.PATH_SEGMENT, str(index), part)
        case HeaderField(name):
            return Place(FieldType.HEADER, masked(name), part)
        case CookieField(name):
            return Place(FieldType.HEADER, f"cookie:{masked(name)}", part)
        case ParameterField(name):
            return Place(FieldType.PARAMETER, masked(name), part)
        case JsonField(location):
            return Place(FieldType.JSON, masked(location_text(location)), part)
        case _:
            assert_never(field)


def hint(field: Field, where: Place) -> str:
    """What the name of a field says of its value; of a path what stands before it."""
    match field:
        case SegmentField(path, index):
            before = index + 1 in secret_segments(path)
            return path.split("/")[index] if before else where.name
        case PathField(path) if found := secret_segments(path):
            return path.split("/")[found[0] - 1]
        case _:
            return where.name


def field_type(field: Field) -> FieldType:
    match field:
        case PathField():
            return FieldType.PATH
        case SegmentField():
            return FieldType.PATH_SEGMENT
        case HeaderField() | CookieField():
            return FieldType.HEADER
        case ParameterField():
            return FieldType.PARAMETER
        case JsonField():
            return FieldType.JSON
        case _:
            assert_never(field)


def value_text(field: Field) -> str:
    """The value as matchers and people see it."""
    return scalar_text(field.value) if isinstance(field, JsonField) else field.value


def _parameters(parameters: list[Parameter], source: ParameterSource) -> Iterator[tuple[ParameterField, str]]:
    for name, value in parameters:
        field = ParameterField(header_text(name), header_text(value), source)
        yield field, NAME
        yield field, VALUE


def _json(document: Document) -> Iterator[tuple[JsonField, str]]:
    found = [(node, JsonField(node.location, node.key, node.value)) for node in nodes(document)]
    for node, field in found:
        if node.named:
            yield field, NAME
    for node, field in found:
        if isinstance(node.value, str):
            yield field, VALUE


def _xml(document: XmlDocument) -> Iterator[tuple[ParameterField, str]]:
    found = paths(document)
    for node in document.names.values():
        yield ParameterField(found[node], "", ParameterSource.POST), NAME
    for node, value in document.values:
        yield ParameterField(found[node], value, ParameterSource.POST), VALUE
