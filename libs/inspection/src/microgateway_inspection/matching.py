"""String matchers made ready: one function a matcher, linear in the text.

Regular expressions are RE2 over UTF-8 and must match the whole text; `.` takes no line feed unless
the expression says `(?s)`, as in RE2's own defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, assert_never

import re2

from microgateway_common.ir.matching import (
    AnyString,
    Contains,
    Exact,
    HeaderMatch,
    Prefix,
    Regex,
    StringMatch,
    Suffix,
)

#: Whether a text matches. Never raises, whatever the text holds.
TextTest = Callable[[str], bool]

#: Whether a header field matches: name in lower case, and value, as in `request.Headers`.
HeaderTest = Callable[[bytes, bytes], bool]

#: What a pattern's programme and its automata may take. RE2's own default.
REGEX_MEMORY: Final = 8 << 20


def compile_match(match: StringMatch) -> TextTest:
    """Without case, literals compare by Unicode case folding and regular expressions as RE2 does.

    Raises ValueError that names the pattern when RE2 refuses it.
    """
    match match:
        case AnyString():
            return _always
        case Exact(value, ignore_case):
            return _exact(value, ignore_case)
        case Prefix(value, ignore_case):
            return _prefix(value, ignore_case)
        case Suffix(value, ignore_case):
            return _suffix(value, ignore_case)
        case Contains(value, ignore_case):
            return _contains(value, ignore_case)
        case Regex(value, ignore_case):
            return _regex(value, ignore_case)
        case _:
            assert_never(match)


def compile_header_match(match: HeaderMatch) -> HeaderTest:
    """Names compare without case (RFC 9110 section 5.1); values are read by `header_text`.

    Raises ValueError as `compile_match`.
    """
    name = _name_test(match.name)
    if isinstance(match.value, AnyString):
        return lambda field_name, _value: name(field_name)
    value = compile_match(match.value)
    return lambda field_name, field_value: name(field_name) and value(header_text(field_value))


def exact_header_name(match: HeaderMatch) -> bytes | None:
    """The one name in lower case when the match is about nothing else; such matches can be merged."""
    if isinstance(match.name, Exact) and isinstance(match.value, AnyString):
        return lower_name(match.name.value)
    return None


def header_text(value: bytes) -> str:
    """A field value as text: UTF-8 where it is that, else Latin-1 (RFC 9110 section 5.5 leaves it open).

    Each value has one reading, and none fails.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def lower_name(name: str) -> bytes:
    """A header name of the configuration as it stands in `request.Headers`."""
    return name.lower().encode()


def _name_test(match: StringMatch) -> Callable[[bytes], bool]:
    match match:
        case AnyString():
            return lambda _name: True
        case Exact(value):
            wanted = lower_name(value)
            return lambda name: name == wanted
        case Prefix(value):
            prefix = lower_name(value)
            return lambda name: name.startswith(prefix)
        case Suffix(value):
            suffix = lower_name(value)
            return lambda name: name.endswith(suffix)
        case Contains(value):
            part = lower_name(value)
            return lambda name: part in name
        case Regex(value):
            return _regex_of_bytes(value, ignore_case=True)
        case _:
            assert_never(match)


def _always(_text: str) -> bool:
    return True


def _exact(value: str, ignore_case: bool) -> TextTest:
    if ignore_case:
        folded = value.casefold()
        return lambda text: text.casefold() == folded
    return lambda text: text == value


def _prefix(value: str, ignore_case: bool) -> TextTest:
    if ignore_case:
        folded = value.casefold()
        return lambda text: text.casefold().startswith(folded)
    return lambda text: text.startswith(value)


def _suffix(value: str, ignore_case: bool) -> TextTest:
    if ignore_case:
        folded = value.casefold()
        return lambda text: text.casefold().endswith(folded)
    return lambda text: text.endswith(value)


def _contains(value: str, ignore_case: bool) -> TextTest:
    if ignore_case:
        folded = value.casefold()
        return lambda text: folded in text.casefold()
    return lambda text: value in text


def _regex(pattern: str, ignore_case: bool) -> TextTest:
    test = _regex_of_bytes(pattern, ignore_case)
    # A lone surrogate, as JSON can escape one, must not make matching raise.
    return lambda text: test(text.encode("utf-8", "surrogatepass"))


def _regex_of_bytes(pattern: str, ignore_case: bool) -> Callable[[bytes], bool]:
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.never_capture = True
    options.log_errors = False
    options.max_mem = REGEX_MEMORY
    try:
        fullmatch = re2.compile(pattern, options).fullmatch
    except (re2.error, UnicodeEncodeError) as error:
        raise ValueError(f"expected an RE2 regular expression, got {pattern!r}: {_text(error)}") from error
    return lambda text: fullmatch(text) is not None


def _text(error: Exception) -> str:
    """RE2 gives its messages as bytes."""
    message = error.args[0]
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(error)
