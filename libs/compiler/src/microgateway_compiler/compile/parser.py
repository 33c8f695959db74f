"""CRD Parser → ir.parser."""

from __future__ import annotations

from typing import assert_never

from microgateway_common.ir.origin import Origin
from microgateway_common.ir.parser import (
    BodyFormat,
    MediaTypes,
    ParseAs,
    Parser,
    ParserRule,
    SkipParsing,
)
from microgateway_common.resources import parser as crd

from .matching import request_conditions


def compile_parser(origin: Origin, spec: crd.ParserSpec) -> Parser:
    """Of several media type patterns that match, JSON goes before multipart and form: the order of
    how much structure a wrong choice would hide."""
    request = spec.request
    choices = (
        (BodyFormat.JSON, request.parsers.json_),
        (BodyFormat.MULTIPART, request.parsers.multipart),
        (BodyFormat.FORM, request.parsers.form),
    )
    return Parser(
        origin=origin,
        default_content_type=request.default_content_type,
        rules=tuple(
            ParserRule(request_conditions(rule.request_conditions), _action(rule.action))
            for rule in request.custom.rules
        ),
        media_types=tuple(
            MediaTypes(body_format, parser.media_type_pattern)
            for body_format, parser in choices
            if parser.enable
        ),
    )


def _action(action: crd.Parse | crd.Skip) -> ParseAs | SkipParsing:
    match action:
        case crd.Skip():
            return SkipParsing()
        case crd.Parse(root=chosen):
            return ParseAs(_format(chosen))
        case _:
            assert_never(action)


def _format(chosen: crd.ParseForm | crd.ParseJson | crd.ParseMultipart) -> BodyFormat:
    match chosen:
        case crd.ParseForm():
            return BodyFormat.FORM
        case crd.ParseJson():
            return BodyFormat.JSON
        case crd.ParseMultipart():
            return BodyFormat.MULTIPART
        case _:
            assert_never(chosen)
