"""Parser: how request bodies are read."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, RootModel

from .base import Items, Model
from .matching import RequestConditions
from .metadata import Object
from .one_of import OneOf
from .text import RegexPattern


class ParseForm(Model):
    """Reads the body as application/x-www-form-urlencoded."""


class ParseJson(Model):
    """Reads the body as JSON (RFC 8259)."""


class ParseMultipart(Model):
    """Reads the body as multipart/form-data (RFC 7578)."""


BodyFormat = Annotated[
    ParseForm | ParseJson | ParseMultipart,
    OneOf(form=ParseForm, json=ParseJson, multipart=ParseMultipart),
]


class Parse(RootModel[BodyFormat]):
    """Reads the body in exactly one format, whatever its Content-Type: form, json or multipart."""

    model_config = ConfigDict(frozen=True)


class Skip(Model):
    """Leaves the body unread; only its size is limited."""


ParserAction = Annotated[Parse | Skip, OneOf(parse=Parse, skip=Skip)]


class ParserRule(Model):
    """How to read the bodies of some requests."""

    action: ParserAction = Field(description="What to do with the body: exactly one of parse and skip.")
    request_conditions: RequestConditions = Field(description="Requests the rule is for.")


class CustomParsers(Model):
    """Rules that come before the choice by media type."""

    rules: Items[ParserRule] = Field((), max_length=4096, description="Rules; the first that fits decides.")


class FormParser(Model):
    """When bodies are read as forms."""

    enable: bool = Field(True, description="Whether bodies of this media type are parsed.")
    media_type_pattern: RegexPattern = Field(
        ".*urlencoded.*",
        description="Regular expression in RE2 syntax that must match the whole media type, without case.",
    )


class JsonParser(Model):
    """When bodies are read as JSON."""

    enable: bool = Field(True, description="Whether bodies of this media type are parsed.")
    media_type_pattern: RegexPattern = Field(
        ".*json.*",
        description="Regular expression in RE2 syntax that must match the whole media type, without case.",
    )


class MultipartParser(Model):
    """When bodies are read as multipart."""

    enable: bool = Field(True, description="Whether bodies of this media type are parsed.")
    media_type_pattern: RegexPattern = Field(
        ".*multipart.*",
        description="Regular expression in RE2 syntax that must match the whole media type, without case.",
    )


class Parsers(Model):
    """The choice by media type."""

    form: FormParser = Field(FormParser(), description="When bodies are read as forms.")
    json_: JsonParser = Field(JsonParser(), alias="json", description="When bodies are read as JSON.")
    multipart: MultipartParser = Field(MultipartParser(), description="When bodies are read as multipart.")


class RequestParsing(Model):
    """How request bodies are read."""

    custom: CustomParsers = Field(
        CustomParsers(), description="Rules that come before the choice by media type."
    )
    default_content_type: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        "application/x-www-form-urlencoded", description="Stands in for a missing Content-Type."
    )
    parsers: Parsers = Field(Parsers(), description="The choice of a parser by media type.")


class ParserSpec(Model):
    """How bodies are read."""

    request: RequestParsing = Field(RequestParsing(), description="How request bodies are read.")


class Parser(Object):
    """Decides how request bodies are read, so that their parts can be inspected."""

    PLURAL: ClassVar[str] = "parsers"

    kind: Literal["Parser"]
    spec: ParserSpec = Field(ParserSpec(), description="How bodies are read.")
