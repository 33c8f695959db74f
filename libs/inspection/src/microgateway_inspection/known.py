"""What was scanned before and is harmless: clients send the same headers, paths and names of parameters and
members again and again, so each is scanned once.

Values of parameters and of JSON are no part of it: they are what changes, and what attacks are made of.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final, TypeVar

from .content import NO_BODY, Content, FormBody, JsonBody
from .fields import header_texts, path_texts, unnamed_texts
from .parsing.form import Parameter
from .request import Headers
from .rules.patterns import SEPARATOR, join

#: Of each kind: clients choose them, so their number and length are bounded. Of headers about 1 MiB at most,
#: and as much of long ones, which are cookies: those of many clients push out nothing that all of them send.
MAX_NUMBER: Final = 2048
MAX_HEADER: Final = 512
MAX_LONG_NUMBER: Final = 256
MAX_LONG_HEADER: Final = 4096
MAX_PATH: Final = 256
MAX_NAME: Final = 64

T = TypeVar("T")


class Known:
    """Of one policy, whose rules say what is harmless. headers, long_headers: name and value. paths: as
    requests have them. parameters, members: their names."""

    def __init__(self) -> None:
        self.headers: set[tuple[bytes, bytes]] = set()
        self.long_headers: set[tuple[bytes, bytes]] = set()
        self.paths: set[str] = set()
        self.parameters: set[bytes] = set()
        self.members: set[str] = set()

    def unknown(
        self, content: Content, parameters: list[Parameter], named: dict[bytes, bytes]
    ) -> tuple[bytes, bool]:
        """One buffer of what has to be scanned, and whether there is anything to `add` when it is harmless.
        parameters: of the content. named: the same by name, of those that repeat the last."""
        body = content.body
        found = [*named.values()] if len(named) == len(parameters) else [value for _, value in parameters]
        if new := not self.parameters.issuperset(named):
            found += [name for name, _ in parameters if name not in self.parameters]
        if content.headers:
            new = True
            found += header_texts(content.headers)
        if content.request.path not in self.paths:
            new = True
            found += path_texts(content)
        if not isinstance(body, JsonBody):
            if body is not NO_BODY:
                found += unnamed_texts(body)
            return join(found), new
        document = body.document
        lines = [join(found)] if found else []
        if not self.members.issuperset(document.names):
            new = True
            members = [name for name in document.names if name not in self.members]
            lines.append(_lines(members, "\n".join(members)))
        if document.values:
            lines.append(_lines(document.values, document.values_text))
        return SEPARATOR.join(lines), new

    def add(self, content: Content) -> None:
        """In this content nothing matched and nothing hints at an encoding."""
        if content.headers:
            self.add_headers(content.headers)
        path = content.request.path
        if path not in self.paths and len(path) <= MAX_PATH:
            _add(self.paths, (path,))
        if content.query:
            self._add_parameters(content.query)
        body = content.body
        if isinstance(body, FormBody):
            self._add_parameters(body.parameters)
        elif isinstance(body, JsonBody) and not self.members.issuperset(body.document.names):
            _add(self.members, (name for name in body.document.names if len(name) <= MAX_NAME))

    def add_headers(self, headers: Headers) -> None:
        """These were scanned and are harmless, whatever else is in the request."""
        short = [each for each in headers if _length(each) <= MAX_HEADER]
        _add(self.headers, short)
        if len(short) < len(headers):
            longer = (each for each in headers if MAX_HEADER < _length(each) <= MAX_LONG_HEADER)
            _add(self.long_headers, longer, MAX_LONG_NUMBER)

    def _add_parameters(self, parameters: list[Parameter]) -> None:
        names = dict(parameters).keys()
        if not names <= self.parameters:
            _add(self.parameters, (name for name in names if len(name) <= MAX_NAME))


def _lines(strings: list[str], joined: str) -> bytes:
    """A line for each, whose own line feeds are carriage returns. joined: with a line feed between two."""
    if joined.count("\n") >= len(strings):
        joined = "\n".join([text.replace("\n", "\r") for text in strings])
    return joined.encode()


def _length(header: tuple[bytes, bytes]) -> int:
    return len(header[0]) + len(header[1])


def _add(known: set[T], more: Iterable[T], number: int = MAX_NUMBER) -> None:
    """Forget all when there are too many: what comes again is soon there again."""
    new = set(islice(more, number)) - known
    if len(known) + len(new) > number:
        known.clear()
    known.update(new)
