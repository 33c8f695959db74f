"""What says something only together, though its parts stand apart.

    ?q=<scr&q=ipt>                      ASP.NET, Node and CGI see `<scr,ipt>`; some join without the comma
    {"constructor":{"prototype":{}}}    a merge of objects sees `constructor.prototype`

No part need look like an attack, so what is joined is scanned as another form of the first part.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from .content import Content, FormBody, JsonBody
from .fields import texts_before_body
from .parsing.form import Parameter
from .parsing.json import nodes

#: The decoding step of such a form.
JOINED: Final = "joined"

#: Names repeated more often are left to their own values; lists of check boxes are longer than attacks.
_MAX_VALUES: Final = 16
_MAX_NAMES: Final = 16

#: The names, of which a merge follows the one and then the other.
_OUTER: Final = "constructor"
_INNER: Final = "prototype"

#: What stands between the values.
_GLUES: Final = (b",", b"")


class Joined(NamedTuple):
    """text: values of one parameter. origin: index, among the texts of the content, of the first value."""

    text: bytes
    origin: int


def pollutes(parameters: list[Parameter]) -> bool:
    """Whether those of which one is there more than once have values that could say something together."""
    return any(not value.isalnum() for _, value in parameters if value)


def joined(content: Content) -> list[Joined]:
    """Of each repeated parameter its values, in every way that servers join them; in JSON the names that
    lead to the prototype of all objects."""
    return [*_parameters(content), *_names(content)]


def _names(content: Content) -> list[Joined]:
    if not isinstance(content.body, JsonBody) or _OUTER not in content.body.document.names:
        return []
    named = (node for node in nodes(content.body.document) if node.named)
    first = texts_before_body(content)
    found = (
        Joined(f"{_OUTER}.{_INNER}".encode(), first + at)
        for at, node in enumerate(named)
        if node.key == _OUTER and isinstance(node.value, dict) and _INNER in node.value
    )
    return list(islice(found, _MAX_NAMES))


def _parameters(content: Content) -> list[Joined]:
    values: dict[bytes, list[tuple[int, bytes]]] = {}
    for origin, (name, value) in _placed(content):
        values.setdefault(name, []).append((origin, value))
    repeated = [each for each in values.values() if 1 < len(each) <= _MAX_VALUES]
    return [
        Joined(glue.join([value for _, value in each]), each[0][0])
        for each in repeated[:_MAX_NAMES]
        for glue in _GLUES
    ]


def _placed(content: Content) -> Iterator[tuple[int, Parameter]]:
    """Each parameter with the index of its value in `fields.texts`: segments, path, query, headers, body."""
    at = len(content.segments) + 1
    for parameter in content.query:
        yield at + 1, parameter
        at += 2
    if isinstance(content.body, FormBody):
        at = texts_before_body(content)
        for parameter in content.body.parameters:
            yield at + 1, parameter
            at += 2
