"""How request bodies are read (CRD Parser)."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from .matching import RequestConditions
from .origin import Origin


class BodyFormat(StrEnum):
    """What parsers read. XML has no setting in the CRD: its media types are fixed."""

    FORM = "form"
    JSON = "json"
    MULTIPART = "multipart"
    XML = "xml"


class ParseAs(Struct, frozen=True, tag="parse"):
    format: BodyFormat


class SkipParsing(Struct, frozen=True, tag="skip"):
    """The body is not read by a parser; only its size is limited."""


class ParserRule(Struct, frozen=True):
    conditions: RequestConditions
    action: ParseAs | SkipParsing


class MediaTypes(Struct, frozen=True):
    """Bodies whose media type matches the RE2 pattern as a whole, without case, have this format."""

    format: BodyFormat
    pattern: str


class Parser(Struct, frozen=True):
    """The first matching rule decides, else the first media type.

    default_content_type: stands in for a missing Content-Type.
    """

    origin: Origin
    default_content_type: str
    rules: tuple[ParserRule, ...]
    media_types: tuple[MediaTypes, ...]
