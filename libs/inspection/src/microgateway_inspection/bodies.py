"""How a request's body is to be read: which parser, how much of it, and what it held."""

from __future__ import annotations

from typing import Final, NamedTuple, assert_never

import re2

from microgateway_common.ir.parser import BodyFormat, MediaTypes, ParseAs, Parser, SkipParsing

from .conditions import Condition, compile_conditions
from .content import NO_BODY, Body, FormBody, JsonBody, OpaqueBody, XmlBody
from .parsing.encoding import check_charset, check_coding
from .parsing.errors import UnreadableError
from .parsing.form import parse_form, parse_form_body
from .parsing.json import parse_json, parse_json_lines
from .parsing.multipart import parse_multipart, parse_multipart_prefix
from .parsing.xml import parse_xml
from .request import Request, media_type

#: After those of the Parser (RFC 7303 section 4; the CRD has none for XML).
_XML_MEDIA_TYPES: Final = MediaTypes(BodyFormat.XML, r"(?:text|application)/xml|.*[+]xml")

#: A document a line, as log shippers and search engines take them.
_JSON_LINES: Final = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
)

#: Media types remembered with what they say; clients choose them, so their number and length are bounded.
_MAX_REMEMBERED: Final = 256
_LONGEST_REMEMBERED: Final = 128


class _Said(NamedTuple):
    """By a media type. format: which parser reads it. lines: it is a document a line."""

    format: BodyFormat | None
    lines: bool


class BodyReader:
    """A Parser made ready."""

    def __init__(
        self,
        rules: tuple[tuple[Condition, BodyFormat | None], ...],
        media_types: tuple[tuple[BodyFormat, re2._Regexp], ...],
        default_content_type: bytes,
    ) -> None:
        self._rules = rules
        self._media_types = media_types
        self._default_content_type = default_content_type
        self._remembered: dict[bytes, _Said] = {}

    @classmethod
    def compile(cls, parser: Parser) -> BodyReader:
        """Raises ValueError naming the rule or media type that cannot be read."""
        rules: list[tuple[Condition, BodyFormat | None]] = []
        for at, rule in enumerate(parser.rules):
            try:
                condition = compile_conditions(rule.conditions)
            except ValueError as error:
                raise ValueError(f"parser rule {at}: {error}") from error
            match rule.action:
                case ParseAs(body_format):
                    rules.append((condition, body_format))
                case SkipParsing():
                    rules.append((condition, None))
                case _:
                    assert_never(rule.action)
        return cls(
            tuple(rules),
            tuple((each.format, _media_type_regex(each)) for each in (*parser.media_types, _XML_MEDIA_TYPES)),
            parser.default_content_type.encode("latin-1", "replace"),
        )

    def format(self, request: Request) -> BodyFormat | None:
        """Which parser reads the body; None when none does.

        Of several Content-Types the first that has a parser counts, so that `read` can refuse them.
        """
        for applies, body_format in self._rules:
            if applies(request):
                return body_format
        content_types = request.content_types
        if len(content_types) < 2:
            return self._said(content_types[0] if content_types else b"").format
        formats = (self._said(each).format for each in content_types)
        return next((each for each in formats if each is not None), None)

    def read(self, request: Request, body_format: BodyFormat, body: bytes) -> Body:
        """What a whole body holds. Raises UnreadableError."""
        content_types = request.content_types
        if len(content_types) > 1:
            raise UnreadableError("content_type_ambiguous", "the request has more than one Content-Type")
        if not body:
            return NO_BODY
        content_type = content_types[0] if content_types else self._default_content_type
        check_charset(content_type)
        if codings := request.content_codings:
            check_coding(b",".join(codings))
        match body_format:
            case BodyFormat.FORM:
                return FormBody(parse_form_body(body))
            case BodyFormat.JSON:
                lines = bool(content_types) and self._said(content_type).lines
                return JsonBody(parse_json_lines(body) if lines else parse_json(body))
            case BodyFormat.MULTIPART:
                return FormBody(parse_multipart(body, content_type))
            case BodyFormat.XML:
                return XmlBody(parse_xml(body))
            case _:
                assert_never(body_format)

    def read_prefix(self, request: Request, body_format: BodyFormat, prefix: bytes) -> Body:
        """What the beginning of a body shows. Raises nothing."""
        match body_format:
            case BodyFormat.FORM:
                return FormBody(parse_form(prefix))
            case BodyFormat.JSON | BodyFormat.XML:
                return OpaqueBody(prefix)
            case BodyFormat.MULTIPART:
                content_type = request.header(b"content-type") or self._default_content_type
                return FormBody(parse_multipart_prefix(prefix, content_type))
            case _:
                assert_never(body_format)

    def _said(self, content_type: bytes) -> _Said:
        """By one Content-Type, the empty one when there is none."""
        named = content_type.partition(b";")[0]  # what follows differs from request to request: boundaries
        said = self._remembered.get(named)
        if said is None:
            name = media_type(named)
            body_format = self._format_of(name or media_type(self._default_content_type))
            said = _Said(body_format, name in _JSON_LINES)
            if len(self._remembered) < _MAX_REMEMBERED and len(named) <= _LONGEST_REMEMBERED:
                self._remembered[named] = said
        return said

    def _format_of(self, name: str) -> BodyFormat | None:
        for body_format, regex in self._media_types:
            if regex.fullmatch(name.encode("utf-8", "replace")) is not None:
                return body_format
        return None


def _media_type_regex(media_types: MediaTypes) -> re2._Regexp:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    try:
        return re2.compile(media_types.pattern.encode(), options)
    except re2.error as error:
        raise ValueError(
            f"media type of {media_types.format}: "
            f"expected an RE2 regular expression, got {media_types.pattern!r}"
        ) from error
