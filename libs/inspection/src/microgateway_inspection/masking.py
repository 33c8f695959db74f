"""Snippets of request data for people: short, printable, and without secrets.

Masking errs on the side of hiding: a log is read by more people than a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

import re2

MAX_LENGTH: Final = 80
#: Characters shown before a match.
_BEFORE: Final = 12
MASK: Final = "***"
_ELLIPSIS: Final = "…"
#: Stands for a covered character until the snippet is cut: a private-use code point.
_COVER: Final = "\ue000"
_COVERED: Final = re2.compile(f"{_COVER}+")

_NAMES: Final = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret|token|auth|credential|cookie|session|sess_?id|sid\b|csrf|xsrf"
    r"|api[-_.]?key|private[-_.]?key|access[-_.]?key|signature|jwt|bearer|otp|\bpin\b|card|cvv|cvc|iban|ssn"
)
#: Values that are secrets whatever they are called: JWTs (RFC 7519), long runs of digits as in card and
#: account numbers, long runs of base64 or hexadecimal digits, and credentials (RFC 9110 section 11.4).
_SECRET_TEXT: Final = re2.compile(
    r"(?i)eyJ[a-z0-9_-]{8,}(?:\.[a-z0-9_-]*){0,2}"
    r"|[0-9](?:[ -]?[0-9]){8,}"
    r"|[a-z0-9+/_-]{40,}={0,2}"
    r"|(?:basic|bearer)\s+[a-z0-9._~+/=-]{6,}"
)
#: The rest of a name and what a text assigns to it: `token=x`, `"token": "x"`, `"token": {"value": "x"`,
#: `<token>x</` and, in a multipart body that could not be read, `name="token"`, an empty line and the value.
_ASSIGNED: Final = (
    r"[\w.\[\]%-]*"
    r"(?:[\"']?\s*[=:]\s*(\"[^\"]*|'[^']*|[{\[][^}\]]*|[^\s\"'&;,<>]+)|>((?:[^<]|<[^/])+)|\"[^\n]{0,80}\r?\n\r?\n([^\n]+))"
)

#: Characters from which on a segment of a path with a digit in it is no word, `oauth` or `v2`.
_SHORTEST_VALUE: Final = 6


class _Names:
    """Which names are those of secrets.

    words: besides those of `_NAMES`, anywhere in a name. exceptions: whole names, or what comes last in them.
    """

    def __init__(self, words: Sequence[str], exceptions: Sequence[str]) -> None:
        any_of = "|".join((_NAMES, *map(re2.escape, words)))
        self._name: Any = re2.compile(f"(?i){any_of}")
        self.assigned: Any = re2.compile(f"(?i)(?:{any_of}){_ASSIGNED}")
        self._exceptions = frozenset(each.lower() for each in exceptions)

    def has(self, name: str) -> bool:
        return self._name.search(name) is not None and not (self._exceptions and self._excepted(name.lower()))

    def _excepted(self, name: str) -> bool:
        last = max(map(name.rfind, ".:/")) + 1
        return name in self._exceptions or name[last:] in self._exceptions


_names = _Names((), ())


def configure(words: Sequence[str], exceptions: Sequence[str]) -> None:
    """What this process masks from now on, once and before it masks anything.

    words: a name that has one of them, in any case, is a secret's too. exceptions: names that have a
    secret's word and are none, such as `passenger`; what a longer text assigns to them stays hidden.
    """
    global _names  # a setting of the process, which every caller would only pass on
    _names = _Names(words, exceptions)


def snippet(name: str, text: str, start: int, end: int) -> str:
    """The match `text[start:end]` with a little around it, at most `MAX_LENGTH` characters.

    name: of the field. Of a secret's value only the length is told; control characters are escaped.
    """
    if is_secret_name(name):
        return f"{MASK} ({end - start} characters)"
    first = max(0, start - _BEFORE)
    # A window larger than what is shown, so that no secret is cut in half and missed.
    window = max(0, first - MAX_LENGTH)
    masked = _cover_secrets(text[window : first + 2 * MAX_LENGTH])[first - window :]
    shown = _escape(_COVERED.sub(MASK, masked))
    if first:
        shown = _ELLIPSIS + shown
    return shown if len(shown) <= MAX_LENGTH else shown[: MAX_LENGTH - 1] + _ELLIPSIS


def masked(text: str) -> str:
    """A path or a name for people: as it is, but for what is a secret whatever it is called."""
    return _escape(_COVERED.sub(MASK, _cover_secrets(text)))


def masked_path(path: str) -> str:
    """A path, or a URL, as it is sent, for people. After a segment with a secret's name one that looks like a
    value is hidden, as in `/token/4f9c77`, and so is one that holds a secret once it is decoded."""
    segments = path.split("/")
    for index in secret_segments(path):
        segments[index] = MASK
    if "%" in path:
        segments = [MASK if _holds_secret(unquote(unquote(each))) else each for each in segments]
    return masked("/".join(segments))


def secret_segments(path: str) -> list[int]:
    """Positions between slashes at which there is a value after a secret's name."""
    if not is_secret_name(path):
        return []
    segments = path.split("/")
    return [
        index
        for index, segment in enumerate(segments)
        if index and _looks_like_a_value(segment) and is_secret_name(segments[index - 1])
    ]


def clear_part(text: str) -> str:
    """The text up to its first secret, or to where one was masked before."""
    return _cover_secrets(text).partition(_COVER)[0].partition(MASK)[0]


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is likely to hold a secret."""
    return _names.has(_encodable(name))


def _holds_secret(text: str) -> bool:
    return _COVER in _cover_secrets(text)


def _looks_like_a_value(segment: str) -> bool:
    return len(segment) >= _SHORTEST_VALUE and any("0" <= each <= "9" for each in segment)


def _cover_secrets(text: str) -> str:
    """The text with every character of a secret covered, at its old length."""
    text = _encodable(text).replace(_COVER, "?")
    spans = [each.span() for each in _SECRET_TEXT.finditer(text)]
    for each in _names.assigned.finditer(text):
        spans += [each.span(group) for group in (1, 2, 3) if each.group(group)]
    for start, end in spans:
        text = text[:start] + _COVER * (end - start) + text[end:]
    return text


def _escape(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
    )


def _encodable(text: str) -> str:
    """Without lone surrogates, which RE2 cannot be given."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
