"""A command line as the words that a shell would make of it (POSIX shell section 2.2, and `$'…'`, with
which browsers copy requests as commands of curl). Nothing is expanded."""

from __future__ import annotations

from typing import Final

from .errors import RequestInputError

_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}
_HEX: Final = {"x": 2, "u": 4, "U": 8}


def split_words(text: str) -> list[str]:
    """Raises RequestInputError for a quote without its end."""
    words: list[str] = []
    word: list[str] | None = None
    at = 0
    while at < len(text):
        char = text[at]
        if text.startswith(("\\\n", "\\\r\n"), at):
            at = text.index("\n", at) + 1
            continue
        if char.isspace():
            if word is not None:
                words.append("".join(word))
            word, at = None, at + 1
            continue
        word = [] if word is None else word
        if text.startswith("$'", at):
            piece, at = _ansi(text, at + 2)
        elif char == "'":
            end = _end(text, at + 1, "'")
            piece, at = text[at + 1 : end], end + 1
        elif char == '"':
            piece, at = _double(text, at + 1)
        elif char == "\\":
            piece, at = text[at + 1 : at + 2], at + 2
        else:
            piece, at = char, at + 1
        word.append(piece)
    if word is not None:
        words.append("".join(word))
    return words


def _end(text: str, start: int, quote: str) -> int:
    end = text.find(quote, start)
    if end < 0:
        raise RequestInputError(f"expected a closing {quote} in the command, got its end")
    return end


def _double(text: str, at: int) -> tuple[str, int]:
    out: list[str] = []
    while True:
        char = text[at : at + 1]
        if not char:
            raise RequestInputError('expected a closing " in the command, got its end')
        if char == '"':
            return "".join(out), at + 1
        following = text[at + 1 : at + 2]
        if char == "\\" and following and following in '$`"\\\n':
            out.append("" if following == "\n" else following)
            at += 2
        else:
            out.append(char)
            at += 1


def _ansi(text: str, at: int) -> tuple[str, int]:
    """Escapes as in C (Bash manual section 3.1.2.4)."""
    out: list[str] = []
    while True:
        char = text[at : at + 1]
        if not char:
            raise RequestInputError("expected a closing ' in the command, got its end")
        if char == "'":
            return "".join(out), at + 1
        if char != "\\":
            out.append(char)
            at += 1
            continue
        kind = text[at + 1 : at + 2]
        at += 2
        if kind in _HEX:
            end = at
            while end < at + _HEX[kind] and text[end : end + 1] in set("0123456789abcdefABCDEF"):
                end += 1
            out.append(chr(min(int(text[at:end] or "0", 16), 0x10FFFF)))
            at = end
        else:
            out.append(_ESCAPES.get(kind, kind))
