"""Each parameter that a server gives to its application is among those that are inspected.

Compared are names and values with every run of characters that are no ASCII as one U+FFFD: how servers
decode such bytes differs, and rules look for ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgateway_inspection.parsing.errors import UnreadableError
from microgateway_inspection.parsing.form import parse_form_body

Pairs = list[tuple[str, str]]
Server = Callable[[bytes, str], Pairs]

_FORM: Final = "application/x-www-form-urlencoded"
_NO_ASCII: Final = re.compile(r"[^\0-\x7f]+")

#: Pieces that parsers of forms treat in some way.
_PIECES: Final = (
    *(
        b"a",
        b"B",
        b"=",
        b"&",
        b";",
        b"+",
        b"%",
        b"%4",
        b"%41",
        b"%zz",
        b"%26",
        b"%3d",
        b"%3B",
        b"%2B",
        b"%25",
    ),
    *(b"%u0041", b"%00", b"\0", b"\r\n", b"%0a", b" ", b"[", b"]", b"[]", b".", b"#", b"?", b"/", b"'", b"<"),
    *(
        b"\xc3\xa9",
        b"%c3%a9",
        b"\xff",
        b"%ff",
        b"%c0%a7",
        b"%c3",
        b"\xe2\x82",
        b"%ef%bc%9c",
        b"=&",
        b"&&",
        b"==",
    ),
)


def skeleton(text: str) -> str:
    return _NO_ASCII.sub("�", text)


def _inspected(body: bytes) -> set[tuple[str, str]] | None:
    """None when the body is refused."""
    try:
        found = parse_form_body(body)
    except UnreadableError:
        return None
    # URLSearchParams drops a question mark before the first name.
    found += [(name[1:], value) for name, value in found[:1] if name.startswith(b"?")]
    return {pair for name, value in found for pair in product(_readings(name), _readings(value))}


def _readings(text: bytes) -> set[str]:
    """As applications see it: Werkzeug turns bytes that are no UTF-8 back into escapes."""
    return {skeleton(text.decode("latin-1")), skeleton(text.decode("utf-8", "werkzeug.url_quote"))}


def _missed(server: Server, body: bytes) -> Pairs:
    """What the application gets and nobody looked at."""
    inspected = _inspected(body)
    if inspected is None:
        return []
    pairs = [(skeleton(name), skeleton(value)) for name, value in server(body, _FORM)]
    return [pair for pair in pairs if pair not in inspected]


@pytest.mark.parametrize(
    "body",
    [
        b"a=1&b=2",
        b"a=1&a=2",
        b"a&b",
        b"=1",
        b"&&a=1&",
        b"a=b=c",
        b"a=1;b=2",
        b"a=%26b%3D2",
        b"a+b=c+d",
        b"a=%2B%252B",
        b"a=%zz%4%",
        b"a[b][c]=1&a[]=2",
        b"a=%u003c",
        b"a=%00b",
        b"a=%c0%a7or",
        b"a=<%ff>",
        b"%61=%62",
        b"a=\r\nb=2",
        b"q=%EF%BC%9Cscript",
    ],
)
def test_listed(form_servers: dict[str, Server], body: bytes) -> None:
    assert {
        name: _missed(server, body) for name, server in form_servers.items() if _missed(server, body)
    } == {}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=12).map(b"".join))
def test_generated(form_servers: dict[str, Server], body: bytes) -> None:
    assert {
        name: _missed(server, body) for name, server in form_servers.items() if _missed(server, body)
    } == {}


def _php(body: bytes) -> Pairs:
    """parse_str() as its manual says: names lose leading spaces and what follows a NUL; `.` and a space
    become `_` up to the first `[`, and so does a `[` that nothing closes. What is in brackets nests."""
    pairs: Pairs = []
    for piece in body.split(b"&"):
        name, _, value = (each.decode("latin-1") for each in piece.partition(b"="))
        name, value = _php_decode(name), _php_decode(value)
        pairs.append((php_name(name), value))
    return [(name, value) for name, value in pairs if name]


def _php_decode(text: str) -> str:
    spaced = text.replace("+", " ")
    return re.sub("%([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), spaced)


def php_name(name: str) -> str:
    name = name.lstrip(" ").partition("\0")[0]
    stem, bracket, rest = name.partition("[")
    stem = stem.replace(".", "_").replace(" ", "_")
    if bracket and "]" not in rest:
        return f"{stem}_{rest.replace('.', '_').replace(' ', '_').replace('[', '_')}"
    return stem + bracket + rest


@pytest.mark.parametrize("body", [b"a.b=1", b"a%20b=1", b" a=1", b"a[b=1", b"a[b]=1", b"a%00b=1", b"a=%00"])
@settings(max_examples=100, deadline=None)
@given(more=st.lists(st.sampled_from(_PIECES), max_size=8).map(b"".join))
def test_php_changes_names_and_no_values(body: bytes, more: bytes) -> None:
    text = body + b"&" + more
    inspected = _inspected(text)
    assert inspected is not None
    names = {(php_name(name), value) for name, value in inspected}
    for name, value in _php(text):
        assert (skeleton(name), skeleton(value)) in names


def test_the_named_difference_of_semicolons() -> None:
    """Python before 3.10 and Perl's CGI also split at `;`: what they see is inside what is inspected."""
    assert _inspected(b"a=1;q=<b>") == {("a", "1;q=<b>")}
