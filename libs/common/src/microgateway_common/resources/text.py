"""Strings with a syntax of their own: RE2 patterns, CIDR ranges, header names."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

import re2
from pydantic import AfterValidator, Field

from .base import quoted, violation

_QUIET = re2.Options()
_QUIET.log_errors = False

#: RFC 9110, 5.6.2.
_TOKEN = re2.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def _check_regex(pattern: str) -> str:
    try:
        re2.compile(pattern, _QUIET)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise violation("a regular expression in RE2 syntax", f"{quoted(pattern)} ({reason})") from None
    return pattern


def _check_cidr(text: str) -> str:
    address, _, bits = text.partition("/")
    try:
        if not (bits.isascii() and bits.isdigit()) or "%" in address:
            raise ValueError(text)
        return str(ip_network(text, strict=False))
    except ValueError:
        raise violation("a CIDR range such as 10.0.0.0/8 or fd00::/8", quoted(text)) from None


def _check_header_name(name: str) -> str:
    if _TOKEN.fullmatch(name) is None:
        raise violation("a header name (letters, digits and !#$%&'*+-.^_`|~)", quoted(name))
    return name


#: RE2 syntax, at most 1024 characters.
RegexPattern = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_check_regex)]

#: An IPv4 or IPv6 range in CIDR notation; host bits are cleared.
CidrRange = Annotated[str, AfterValidator(_check_cidr)]

#: RFC 9110, 5.1: a token.
HeaderName = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_check_header_name)]
LongHeaderName = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_check_header_name)]
