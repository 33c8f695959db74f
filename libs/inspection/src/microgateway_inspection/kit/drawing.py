"""A value in an encoding and at a place, both drawn by a seed and independently of each other.

There are more of them than `placing` has: names of parameters and JSON members, documents inside of strings,
file names, XML; two encodings on top of each other.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from random import Random
from typing import Final
from urllib.parse import quote

from .corpus import Example, read, whole_requests
from .placing import BOUNDARY, Sent, Where, place, sent


def attacks(text: str, seed: int) -> list[Example]:
    """Of a corpus (`corpus`): each value once, at one of EVERY_PLACE; its whole requests as they are."""
    found: list[Example] = []
    for group, table in read(text).items():
        random = Random(f"{seed} {group}")  # noqa: S311 - repeatable, not secret
        found += (draw(group, value, EVERY_PLACE, random) for value in table.get("values", ()))
        found += whole_requests(group, table)
    return found


def draw(group: str, value: str, places: Sequence[str], random: Random) -> Example:
    coding, placement = random.choice(_CODINGS), random.choice(places)
    request = _PLACED[placement](_ENCODED[coding](value, random))
    return Example(group, f"{value} ({placement}, {coding})", request)


# Encodings.


def _url(value: str, random: Random) -> str:  # noqa: ARG001 - every encoding is called alike
    return "".join(f"%{byte:02X}" for byte in value.encode())


def _double_url(value: str, random: Random) -> str:
    return _url(value, random).replace("%", "%25")


def _html(value: str, random: Random) -> str:
    forms: tuple[Callable[[str], str], ...] = (
        lambda char: f"&#{ord(char)};",
        lambda char: f"&#x{ord(char):x};",
        lambda char: f"&#{ord(char):07d}",
    )
    return "".join(char if char.isalnum() else random.choice(forms)(char) for char in value)


def _escapes(value: str, random: Random) -> str:
    forms: tuple[Callable[[str], str], ...] = (
        lambda char: f"\\u{ord(char):04x}",
        lambda char: f"\\x{ord(char):02x}",
        lambda char: f"%u{ord(char):04X}",
    )
    form = random.choice(forms)
    return "".join(form(char) if char.isascii() and random.random() < 0.6 else char for char in value)


def _base64(value: str, random: Random) -> str:
    data = base64.b64encode(value.encode()).decode()
    return data if random.random() < 0.5 else data.rstrip("=").replace("+", "-").replace("/", "_")


def _mixed(value: str, random: Random) -> str:
    """One encoding over another."""
    inner, outer = random.sample((_html, _escapes, _base64, _url), 2)
    return outer(inner(value, random), random)


def _width(value: str, random: Random) -> str:
    """Some of the punctuation in full width."""
    return "".join(
        chr(ord(char) + 0xFEE0)
        if "!" <= char <= "~" and not char.isalnum() and random.random() < 0.7
        else char
        for char in value
    )


_ENCODED: Final[Mapping[str, Callable[[str, Random], str]]] = {
    "plain": lambda value, _random: value,
    "url": _url,
    "double url": _double_url,
    "html": _html,
    "escapes": _escapes,
    "base64": _base64,
    "mixed": _mixed,
    "full width": _width,
}
#: By weight: nearly half of all attacks are plain.
_CODINGS: Final = (
    *("plain",) * 9, "url", "url", "double url", "html", "html", "escapes", "base64", "base64", "base64",
    "mixed", "mixed", "full width",
)  # fmt: skip


# Placements.


def _json(document: object, method: str = "POST") -> Sent:
    return sent(method, "/api/v2/notes", media_type="application/json", body=json.dumps(document).encode())


def _header(name: str, value: str) -> Sent:
    fits = value.isascii() and value.isprintable()
    return sent(headers=((name, value.strip() if fits else quote(value, safe=" ")),))


def _cookie_json(value: str) -> Sent:
    data = base64.b64encode(json.dumps({"u": 7, "note": value}).encode()).decode()
    return sent(headers=(("cookie", f"lang=en; state={data}"),))


def _file_name(value: str) -> Sent:
    name = value.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")  # WHATWG HTML, form submission
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain'
    body = f"--{BOUNDARY}\r\n{head}\r\n\r\nhello\r\n--{BOUNDARY}--\r\n".encode()
    return sent("POST", "/upload", media_type=f"multipart/form-data; boundary={BOUNDARY}", body=body)


def _xml(document: str) -> Sent:
    body = f'<?xml version="1.0" encoding="UTF-8"?>{document}'.encode()
    return sent("POST", "/api/orders", media_type="application/xml", body=body)


def _as_xml(value: str) -> str:
    """Text or attribute. XML 1.0 has no control characters, so that a sender has to encode them once more;
    white space other than spaces survives as references only (XML section 3.3.3)."""
    kept = (
        each if each.isprintable() else f"&#{ord(each)};" if each in "\t\n\r" else quote(each)
        for each in escape(value)
    )
    return "".join(kept)


_PLACED: Final[Mapping[str, Callable[[str], Sent]]] = {
    **{where.value: partial(place, where=where) for where in Where},
    "name of a parameter": lambda value: sent(path="/list", query=f"{quote(value, safe='')}=1"),
    "name in JSON": lambda value: _json({"filter": {value: 1}}),
    "deep in JSON": lambda value: _json({"a": [{"b": [{"c": ["x", value]}]}], "n": 1}, "PUT"),
    "JSON in JSON": lambda value: _json({"payload": json.dumps({"text": value})}),
    "JSON in a form": lambda value: sent(
        "POST",
        "/rpc",
        media_type="application/x-www-form-urlencoded",
        body=f"data={quote(json.dumps({'id': 1, 'text': value}), safe='')}".encode(),
    ),
    "PATCH": lambda value: _json([{"op": "replace", "path": "/title", "value": value}], "PATCH"),
    "referer": lambda value: _header("referer", f"https://shop.example/?q={quote(value, safe='')}"),
    "user agent": lambda value: _header("user-agent", value),
    "JSON in a cookie": _cookie_json,
    "file name": _file_name,
    "text in XML": lambda value: _xml(f"<order><note>{_as_xml(value)}</note></order>"),
    "attribute in XML": lambda value: _xml(f'<order><item note="{_as_xml(value)}"/></order>'),
}
#: By weight: what is common is drawn more often.
PLACES: Final = (
    *(name for name in _PLACED if "XML" not in name),
    *("query", "query", "json", "json", "form", "deep in JSON"),
)
EVERY_PLACE: Final = (*PLACES, *(name for name in _PLACED if "XML" in name))
