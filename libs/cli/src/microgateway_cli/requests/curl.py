"""A command line of curl as the request that it would send (curl's manual, version 8).

Options about the connection or the output change no request and are skipped; those that would, and are not
known here, are refused.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

from microgateway_inspection.explain.explain import Received
from microgateway_inspection.request import Headers

from .errors import RequestInputError
from .http_message import origin_form
from .words import split_words

_BOUNDARY: Final = "------------------------d74496d66958873e"
_FORM: Final = "application/x-www-form-urlencoded"

#: Options that take no argument and change no request.
_SILENT: Final = frozenset(
    """
    k s S L v i f g N # 0 1 2 3 4 6 compressed fail fail-with-body globoff http1.0 http1.1 http2
    http2-prior-knowledge http3 include insecure ipv4 ipv6 location location-trusted no-buffer no-keepalive
    no-progress-meter path-as-is progress-bar show-error silent tcp-nodelay tlsv1.2 tlsv1.3 verbose
    """.split()  # noqa: SIM905 - a list of eighty quotes reads worse
)
#: The same with an argument.
_SILENT_WITH: Final = frozenset(
    """
    D E Y c m o r w x y cacert capath cert connect-timeout connect-to cookie-jar dump-header interface key
    limit-rate max-redirs max-time noproxy output proxy resolve retry retry-delay stderr write-out
    """.split()  # noqa: SIM905
)
_LONG: Final = {
    "X": "request", "H": "header", "d": "data", "F": "form", "b": "cookie", "u": "user", "G": "get",
    "A": "user-agent", "e": "referer", "I": "head", "T": "upload-file",
}  # fmt: skip

#: Of a shell, which people copy along.
PROMPT: Final = "$ "


@dataclass
class _Command:
    """What the options said so far. headers: in order; names of those given without a value are removed."""

    urls: list[str] = field(default_factory=list)
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    data: list[bytes] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    in_query: bool = False
    is_json: bool = False
    is_head: bool = False


def is_curl(text: str) -> bool:
    """Whether a text is meant as a command, perhaps copied with a shell's prompt."""
    first, *more = text.removeprefix(PROMPT).split(maxsplit=1) or [""]
    return first.rpartition("/")[2] == "curl" and bool(more)


def read_curl(text: str, client: str) -> Received:
    """client: address to assume. Files that the command names are read. Raises RequestInputError."""
    words = split_words(text.removeprefix(PROMPT))
    if not words or words[0].rpartition("/")[2] != "curl":
        raise RequestInputError(f"expected a command that begins with curl, got {text[:40]!r}")
    command = _Command()
    rest = iter(words[1:])

    def argument(option: str, attached: str | None) -> str:
        value = next(rest, None) if attached is None else attached
        if value is None:
            raise RequestInputError(f"expected an argument of {option}, got the end of the command")
        return value

    for word in rest:
        if word.startswith("--") and len(word) > 2:
            name, equals, attached = word[2:].partition("=")
            _take(command, name, partial(argument, f"--{name}", attached if equals else None))
        elif word.startswith("-") and len(word) > 1:
            _take_short(command, word, argument)
        else:
            command.urls.append(word)
    return _request(command, client)


def _take_short(command: _Command, word: str, argument: Callable[[str, str | None], str]) -> None:
    """`-sSXPOST`: flags, then perhaps one with its argument."""
    for at, letter in enumerate(word[1:], start=1):
        name = _LONG.get(letter, letter)
        if name in ("get", "head") or letter in _SILENT:
            _take(command, name, partial(argument, f"-{letter}", None))
        else:
            _take(command, name, partial(argument, f"-{letter}", word[at + 1 :] or None))
            return


def _take(command: _Command, name: str, argument: Callable[[], str]) -> None:
    if name in _SILENT:
        return
    if name in _SILENT_WITH:
        argument()
        return
    match name:
        case "request":
            command.method = argument()
        case "url":
            command.urls.append(argument())
        case "header":
            _header(command, argument())
        case "data" | "data-ascii":
            command.data.append(_content(argument(), strip=True))
        case "data-binary":
            command.data.append(_content(argument(), strip=False))
        case "data-raw":
            command.data.append(argument().encode())
        case "data-urlencode":
            command.data.append(_urlencoded(argument()))
        case "json":
            command.is_json = True
            command.data = [b"".join((*command.data, _content(argument(), strip=False)))]
        case "form" | "form-string":
            command.parts.append(_part(argument(), literal=name == "form-string"))
        case "cookie":
            _cookie(command, argument())
        case "user":
            credentials = base64.b64encode(argument().encode()).decode()
            command.headers.append(("Authorization", f"Basic {credentials}"))
        case "oauth2-bearer":
            command.headers.append(("Authorization", f"Bearer {argument()}"))
        case "user-agent":
            command.headers.append(("User-Agent", argument()))
        case "referer":
            command.headers.append(("Referer", argument().removesuffix(";auto")))
        case "get":
            command.in_query = True
        case "head":
            command.is_head = True
        case _:
            raise RequestInputError(f"expected an option of curl that is known here, got {name}")


def _header(command: _Command, text: str) -> None:
    if text.startswith("@"):
        raise RequestInputError("expected a header `name: value`, got a file of headers")
    name, colon, value = text.partition(":")
    if not colon and name.endswith(";"):
        command.headers.append((name[:-1], ""))
    elif not colon:
        raise RequestInputError(f"expected a header `name: value`, got {name[:40]!r}")
    elif value.strip():
        command.headers.append((name, value.strip()))
    else:
        command.removed.add(name.lower())


def _cookie(command: _Command, text: str) -> None:
    if "=" not in text:
        raise RequestInputError("expected cookies `name=value` after -b, got a file of cookies")
    command.headers.append(("Cookie", text))


def _content(text: str, *, strip: bool) -> bytes:
    """`@file` is what the file holds."""
    if not text.startswith("@"):
        return text.encode()
    content = _file(text[1:])
    return content.translate(None, b"\r\n\0") if strip else content


def _file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise RequestInputError(f"{name}: {error.strerror}") from error


def _urlencoded(text: str) -> bytes:
    """`content`, `=content`, `name=content`, `@file` or `name@file`."""
    at = min((found for each in "=@" if (found := text.find(each)) >= 0), default=-1)
    if at < 0:
        return quote_plus(text).encode()
    name, kind, content = text[:at], text[at], text[at + 1 :]
    raw = content.encode() if kind == "=" else _file(content)
    return (f"{name}=" if name else "").encode() + quote_plus(raw).encode()


def _part(text: str, *, literal: bool) -> bytes:
    """One part of a form (RFC 7578): `name=text`, `name=@file;type=text/plain` or `name=<file`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise RequestInputError(f"expected a part `name=value` after -F, got {text[:40]!r}")
    disposition, media_type = f'form-data; name="{name}"', ""
    content = value.encode()
    if not literal:
        value, *options = value.split(";") if value[:1] in "@<" else [value]
        settings = dict(each.strip().partition("=")[::2] for each in options)
        media_type = settings.get("type", "")
        if value.startswith("@"):
            content = _file(value[1:])
            disposition += f'; filename="{settings.get("filename", Path(value[1:]).name)}"'
            media_type = media_type or "application/octet-stream"
        elif value.startswith("<"):
            content = _file(value[1:])
    head = f"Content-Disposition: {disposition}\r\n" + (
        f"Content-Type: {media_type}\r\n" if media_type else ""
    )
    return f"--{_BOUNDARY}\r\n{head}\r\n".encode() + content + b"\r\n"


def _request(command: _Command, client: str) -> Received:
    if len(command.urls) != 1:
        raise RequestInputError(f"expected one URL in the command, got {len(command.urls)}")
    url = command.urls[0] if "://" in command.urls[0] else f"http://{command.urls[0]}"
    target = origin_form(quote(url, safe="%/:?&=#+,;@!$'()*[]{}|\\^`<>\"~").encode())
    body, media_type, method = b"", "", "GET"
    if command.parts:
        body = b"".join(command.parts) + f"--{_BOUNDARY}--\r\n".encode()
        media_type, method = f"multipart/form-data; boundary={_BOUNDARY}", "POST"
    elif command.data and command.in_query:
        joined = b"&".join(command.data)
        target += (b"&" if b"?" in target else b"?") + joined
    elif command.data:
        body, method = b"&".join(command.data), "POST"
        media_type = "application/json" if command.is_json else _FORM
    if command.is_head:
        method = "HEAD"
    return Received(command.method or method, target, _headers(command, url, media_type), body, client)


def _headers(command: _Command, url: str, media_type: str) -> Headers:
    """Those of the command, and curl's own where it does not have them."""
    authority = url.partition("://")[2].partition("/")[0].partition("?")[0]
    user, at, host = authority.rpartition("@")
    own = [("Host", host), ("User-Agent", "curl/8.0"), ("Accept", "*/*")]
    if command.is_json:
        own[2] = ("Accept", "application/json")
    if at:
        own.append(("Authorization", f"Basic {base64.b64encode(user.encode()).decode()}"))
    if media_type:
        own.append(("Content-Type", media_type))
    given = {name.lower() for name, _ in command.headers} | command.removed
    headers = [each for each in own if each[0].lower() not in given] + command.headers
    return [(name.strip().lower().encode(), value.encode()) for name, value in headers]
