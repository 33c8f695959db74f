"""The smallest exception that covers a match: these keys, this field, this path and method."""

from __future__ import annotations

from typing import Final, assert_never

from msgspec.structs import replace

from microgateway_common.ir.data import (
    AnyData,
    AtJsonPath,
    HeaderData,
    JsonData,
    ParameterData,
    PathData,
    PathSegmentData,
    RequestData,
    SegmentAt,
)
from microgateway_common.ir.deny_rules import RuleException
from microgateway_common.ir.matching import (
    AnyString,
    Exact,
    Prefix,
    Regex,
    RequestConditions,
    StringMatch,
)
from microgateway_common.names import RuleKey
from microgateway_inspection.fields import (
    CookieField,
    Field,
    HeaderField,
    JsonField,
    ParameterField,
    PathField,
    SegmentField,
)
from microgateway_inspection.masking import clear_part, masked_path
from microgateway_inspection.parsing.json import Index, Location, location_text
from microgateway_inspection.request import Request

#: Methods that the resources know (RFC 9110 section 9.3, RFC 5789).
_METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"),
)
#: Longest operand of a matcher.
_MAX_OPERAND: Final = 1024
#: Stands for any position in an array.
_ANY_INDEX: Final = "*"
_ANY: Final = AnyString()


def exception_for(name: str, keys: tuple[RuleKey, ...], field: Field, request: Request) -> RuleException:
    """name: `exceptions[3]`. Left open are positions in arrays, which are accidental, and what is a secret
    in a path or name."""
    return RuleException(name, keys, _data(field), _conditions(field, request))


def _data(field: Field) -> RequestData:
    match field:
        case PathField(path):
            return PathData(_narrow(masked_path(path)))
        case SegmentField(_, index):
            return PathSegmentData(SegmentAt(index), _ANY)
        case HeaderField(name):
            return HeaderData(_narrow(name, ignore_case=True), _ANY)
        case CookieField(name):
            return HeaderData(_of_cookie(_narrow(name, ignore_case=True)), _ANY)
        case ParameterField(name, _, source):
            return ParameterData(_narrow(name), _ANY, source)
        case JsonField(location, key):
            path = _open_path(location)
            if clear_part(path) == path and len(path) <= _MAX_OPERAND:
                return JsonData(AtJsonPath(path), _ANY, _ANY)
            return JsonData(AtJsonPath("$..*"), _narrow(key), _ANY)
        case _:
            assert_never(field)


def _of_cookie(name: StringMatch) -> StringMatch:
    """Cookies are headers called `cookie:<name>`."""
    return name if isinstance(name, AnyString | Regex) else replace(name, value=f"cookie:{name.value}")


def is_narrow(data: RequestData) -> bool:
    """Whether it says which field it is about."""
    match data:
        case HeaderData(name) | ParameterData(name):
            return not isinstance(name, AnyString)
        case JsonData(AtJsonPath("$..*"), key):
            return not isinstance(key, AnyString)
        case PathData(value):
            return not isinstance(value, AnyString)
        case AnyData():
            return False
        case _:
            return True


def _conditions(field: Field, request: Request) -> RequestConditions:
    methods = (request.method,) if request.method in _METHODS else ()
    match field:
        case PathField():
            return RequestConditions(methods=methods)
        case SegmentField(path, index):
            before = masked_path("/".join(path.split("/")[: index + 1]) + "/")
            return RequestConditions(methods=methods, path=_narrow(before, is_prefix=True))
        case _:
            return RequestConditions(methods=methods, path=_narrow(masked_path(request.path)))


def _narrow(text: str, *, ignore_case: bool = False, is_prefix: bool = False) -> StringMatch:
    """As exact as can be said without a secret."""
    clear = clear_part(text)[:_MAX_OPERAND]
    if not text:
        return Regex("^$", ignore_case=False)
    if not clear:
        return _ANY
    if clear == text and not is_prefix:
        return Exact(text, ignore_case)
    return Prefix(clear, ignore_case)


def _open_path(location: Location) -> str:
    """The JSONPath of a location, any entry for an entry of an array."""
    parts: list[str] = []
    rest: list[str] = []
    for step in location:
        if isinstance(step, Index):
            parts.append(location_text(tuple(rest))[1:] + f"[{_ANY_INDEX}]")
            rest = []
        else:
            rest.append(step)
    return "$" + "".join(parts) + location_text(tuple(rest))[1:]
