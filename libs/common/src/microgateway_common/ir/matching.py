"""How rules pick strings and requests: CRD `matcher` and `requestConditions`."""

from __future__ import annotations

from msgspec import Struct


class AnyString(Struct, frozen=True, tag="any"):
    """Matches whatever comes; stands for an absent matcher."""


class Exact(Struct, frozen=True, tag="exact"):
    value: str
    ignore_case: bool


class Prefix(Struct, frozen=True, tag="prefix"):
    value: str
    ignore_case: bool


class Suffix(Struct, frozen=True, tag="suffix"):
    value: str
    ignore_case: bool


class Contains(Struct, frozen=True, tag="contains"):
    value: str
    ignore_case: bool


class Regex(Struct, frozen=True, tag="regex"):
    """RE2 syntax; the whole string must match."""

    value: str
    ignore_case: bool


StringMatch = AnyString | Exact | Prefix | Suffix | Contains | Regex


class AnyAddress(Struct, frozen=True, tag="any"):
    """Matches every client address."""


class InRanges(Struct, frozen=True, tag="ranges"):
    """The client address is in one of the CIDR ranges; with `invert`, in none."""

    ranges: tuple[str, ...]
    invert: bool


AddressMatch = AnyAddress | InRanges


class HeaderMatch(Struct, frozen=True):
    """A header whose name and value both match. Names compare without case."""

    name: StringMatch
    value: StringMatch


class AnyHeaders(Struct, frozen=True, tag="any"):
    """Matches every request, whatever headers it has."""


class HasHeader(Struct, frozen=True, tag="has"):
    """The request has at least one header that matches."""

    header: HeaderMatch


HeadersMatch = AnyHeaders | HasHeader


class RequestConditions(Struct, frozen=True):
    """All conditions hold; with `invert`, not all hold.

    methods: empty for any method.
    path: the normalised path without the query.
    media_type: `type/subtype` of Content-Type in lower case, the empty string when there is none.
    """

    header: HeadersMatch = AnyHeaders()
    media_type: StringMatch = AnyString()
    methods: tuple[str, ...] = ()
    path: StringMatch = AnyString()
    remote_ip: AddressMatch = AnyAddress()
    invert: bool = False


#: No conditions: every request.
ALWAYS = RequestConditions()
