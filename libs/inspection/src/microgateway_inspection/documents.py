"""Forms of a value, JSON inside of it included.

    ?filter={"name":"%27 or 1=1--"}      `%27 or 1=1--` (json $.name), then `' or 1=1--` (json $.name, url)

Applications read such documents as they read a body, so their strings are values of their own: rules look
at where a value begins and ends, and each string may be encoded again. Names are looked at in the document
as a text alone, where rules see what stands behind them: `{"$and": "cash"}` is harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import re2

from .decoding import HINTS, Form, forms
from .masking import is_secret_name, masked
from .parsing.json import Location, flatten, location_text, nodes
from .rules.patterns import SEPARATOR, buffer_pattern

#: How a document begins, in the syntax of rules. It is not part of the scan for rules, which it would slow
#: down by a tenth: most buffers have neither of the two characters.
BEGINNING: Final = rb"^\s*(?:\{\s*\x22|\[\s*[\x22{\[])"

#: The decoding step that took a string out of a document begins so and says where it was.
JSON: Final = "json"
#: Characters of a location that is told.
_LONGEST: Final = 100

#: Documents in strings of documents that are read.
MAX_NESTED: Final = 3


def unfold(value: bytes, nested: int = 0) -> Iterator[Form]:
    """Every form of a value but the value itself: decoded ones, then the strings of the first of them that
    is a JSON document, with their forms. Together at most `1 + MAX_NESTED` times what `forms` may be."""
    found = forms(value)
    yield from found
    if nested == MAX_NESTED:
        return
    for outer in (Form(value, ()), *found):
        inner = _strings(outer)
        for text, steps in inner:
            yield Form(text, steps)
            if _HINT.search(text.replace(SEPARATOR, b"\r")) is not None:
                for form in unfold(text, nested + 1):
                    yield Form(form.text, (*steps, *form.steps))
        if inner:
            return


def holds_document(buffer: bytes) -> bool:
    """Whether one of the texts of a buffer begins like a document."""
    return (b"{" in buffer or b"[" in buffer) and _BEGINNING.search(buffer) is not None


def _strings(outer: Form) -> list[Form]:
    """Strings of the document that a form is, empty ones left out."""
    if outer.text.lstrip()[:1] not in (b"{", b"["):
        return []
    try:
        root = msgspec.json.decode(outer.text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [
        Form(node.value.encode(), (*outer.steps, _step(node.location)))
        for node in nodes(flatten(root))
        if isinstance(node.value, str) and node.value
    ]


def _step(location: Location) -> str:
    """With the names on the way, by which people know whether the string is a secret."""
    where = location_text(location)
    if len(where) > _LONGEST:
        where = "$…secret" if is_secret_name(where) else "$…"
    return f"{JSON} {masked(where)}"


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    return options


_OPTIONS: Final = _options()
_HINT: Final = re2.compile(
    b"(?i)" + b"|".join(b"(?:%b)" % buffer_pattern(each) for each in (*HINTS, BEGINNING)), _OPTIONS
)
_BEGINNING: Final = re2.compile(b"(?m)" + buffer_pattern(BEGINNING), _OPTIONS)
