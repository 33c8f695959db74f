"""A request, parsed. `fields` says what in it is looked at."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from .parsing.document import Document
from .parsing.form import Parameter
from .parsing.path import parse_path
from .parsing.xml import XmlDocument
from .request import Headers, Request


class NoBody(Struct, frozen=True):
    """There is none, or it is streamed unread."""


class FormBody(Struct, frozen=True):
    """Parameters of a form or multipart body."""

    parameters: list[Parameter]


class JsonBody(Struct, frozen=True):
    document: Document


class XmlBody(Struct, frozen=True):
    """Its texts are fields like parameters of a form, named by their path: `/order/item/@id`."""

    document: XmlDocument


class OpaqueBody(Struct, frozen=True):
    """A body its parser could not read, or only in part; looked at as one text."""

    text: bytes


Body = NoBody | FormBody | JsonBody | XmlBody | OpaqueBody

NO_BODY: Final = NoBody()


class Content(Struct):
    """query: its parameters. headers: those to be scanned."""

    request: Request
    query: list[Parameter]
    headers: Headers
    body: Body

    @property
    def segments(self) -> list[bytes]:
        """Of the path, decoded; few paths need it, since most are known (known.py)."""
        return parse_path(self.request.path)

    @property
    def parameters(self) -> list[Parameter]:
        """Of query and body."""
        body = self.body
        return self.query + body.parameters if isinstance(body, FormBody) else self.query
