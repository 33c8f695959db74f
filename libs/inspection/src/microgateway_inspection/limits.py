"""Limits made ready: sizes and counts of a request against their maxima.

Lengths are bytes of the decoded name or value, of JSON texts in UTF-8. Parameters of query and body
count together. JSON keys count an object's members, elements an array's entries: the largest in the
document is what is limited. The depth of a scalar is 0, of `{}` 1.

XML has the limits of JSON, which the resource names none for: attributes of one element are keys, elements
in one element are elements. Its texts are parameters to exceptions, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final, assert_never

from microgateway_common.ir.data import ParameterSource
from microgateway_common.ir.limits import (
    AllLengths,
    GraphQLLength,
    JsonLength,
    JsonLimits,
    LiftedLength,
    Limited,
    Limits,
    ParameterLength,
    ParameterLimits,
    Unlimited,
)
from microgateway_common.ir.parser import BodyFormat

from .conditions import Condition, compile_conditions
from .content import Content, FormBody, JsonBody, XmlBody
from .fields import NAME, VALUE, JsonField, ParameterField, place
from .json_path import LocationTest, compile_json_path
from .matching import TextTest, compile_match, header_text
from .parsing.document import Document
from .parsing.form import Parameter
from .parsing.json import nodes
from .parsing.xml import XmlDocument, paths
from .request import Request
from .verdict import LimitThreat, Place

#: UTF-8 has at most this many bytes a character.
_WIDEST: Final = 4


@dataclass(frozen=True, slots=True)
class Lifted:
    """Something is above a limit that an exception lifts: `exceptions[0]`."""

    exception: str


@dataclass(frozen=True, slots=True)
class _LiftedRequest:
    exception: str
    applies: Condition


@dataclass(frozen=True, slots=True)
class _LiftedParameter:
    exception: str
    name: TextTest
    source: ParameterSource
    applies: Condition

    def covers(self, request: Request, field: ParameterField) -> bool:
        return (
            self.source in (ParameterSource.ANY, field.source)
            and self.name(field.name)
            and self.applies(request)
        )


@dataclass(frozen=True, slots=True)
class _LiftedJson:
    exception: str
    location: LocationTest
    applies: Condition


class LimitChecks:
    """A Limits made ready."""

    def __init__(self, limits: Limits, limited: Limited) -> None:
        """Raises ValueError naming the exception that cannot be read."""
        self._origin = limits.origin
        self._handling = limits.threat_handling
        self._limited = limited
        self._body_sizes: dict[BodyFormat | None, int] = {
            None: limited.general.body_size,
            BodyFormat.FORM: limited.parameter.body_size,
            BodyFormat.JSON: limited.json.body_size,
            BodyFormat.MULTIPART: limited.multipart.body_size,
            BodyFormat.XML: limited.json.body_size,
        }
        self._lifted_requests: list[_LiftedRequest] = []
        self._lifted_parameters: list[_LiftedParameter] = []
        self._lifted_json: list[_LiftedJson] = []
        for exception in limited.exceptions:
            try:
                self._lift(exception.id, exception.length, compile_conditions(exception.conditions))
            except ValueError as error:
                raise ValueError(f"{exception.id}: {error}") from error

    def _lift(self, exception: str, length: LiftedLength, applies: Condition) -> None:
        match length:
            case AllLengths():
                self._lifted_requests.append(_LiftedRequest(exception, applies))
            case ParameterLength(name, source):
                lifted = _LiftedParameter(exception, compile_match(name), source, applies)
                self._lifted_parameters.append(lifted)
            case JsonLength(path):
                self._lifted_json.append(_LiftedJson(exception, compile_json_path(path), applies))
            case GraphQLLength():
                pass  # no GraphQL document is read
            case _:
                assert_never(length)

    def body_limit(self, request: Request, body_format: BodyFormat | None) -> int | None:
        """Bytes that a body may have; None when the limits are lifted for the request."""
        if self._lifted_requests and self._lifting(request):
            return None
        return self._body_sizes[body_format]

    def body_size(
        self, request: Request, body_format: BodyFormat | None, measured: int
    ) -> LimitThreat | Lifted | None:
        """The body's size, when it is too large."""
        limit = self._body_sizes[body_format]
        if measured <= limit:
            return None
        lifting = self._lifting(request)
        return Lifted(lifting.exception) if lifting else self.body_too_large(body_format, limit, measured)

    def body_too_large(self, body_format: BodyFormat | None, limit: int, measured: int) -> LimitThreat:
        return self._threat(_BODY_SUBTYPES[body_format], limit, measured, None)

    def json_too_deep(self, request: Request) -> LimitThreat | None:
        """A document is nested deeper than can be measured."""
        if self._lifting(request):
            return None
        limit = self._limited.json.nesting_depth
        return self._threat("json_nesting_depth", limit, limit + 1, None)

    def exceeded(self, content: Content) -> list[LimitThreat | Lifted]:
        """What is above its limit: of each subtype the first, and what exceptions lift."""
        found: list[LimitThreat | Lifted] = []
        request, body = content.request, content.body
        longest = self._limited.general.path_length
        if len(request.path) > longest:
            found.append(self._threat("general_path_length", longest, len(request.path), None))
        if isinstance(body, FormBody):
            self._parameters(request, content.query, body.parameters, found)
        elif content.query:
            self._parameters(request, content.query, [], found)
        if isinstance(body, JsonBody):
            self._json(request, body.document, found)
        elif isinstance(body, XmlBody):
            self._xml(request, body.document, found)
        if found and (lifting := self._lifting(request)):
            return [Lifted(lifting.exception)]
        return found

    def _lifting(self, request: Request) -> _LiftedRequest | None:
        """The exception that lifts all limits of the request."""
        return next((each for each in self._lifted_requests if each.applies(request)), None)

    def _parameters(
        self,
        request: Request,
        query: list[Parameter],
        posted: list[Parameter],
        found: list[LimitThreat | Lifted],
    ) -> None:
        limits = self._limited.parameter
        count = len(query) + len(posted)
        if count > limits.count:
            found.append(self._threat("parameter_count", limits.count, count, None))
        names, values = limits.name_length, limits.value_length
        for name, value in chain(query, posted):
            if len(name) > names or len(value) > values:
                found += self._parameter_lengths(request, limits, query, posted)
                return

    def _parameter_lengths(
        self, request: Request, limits: ParameterLimits, query: list[Parameter], posted: list[Parameter]
    ) -> Iterator[LimitThreat | Lifted]:
        """Which of the parameters it was, exceptions taken into account."""
        told: set[str] = set()
        wanted = {NAME: ("parameter_name_length", limits.name_length)}
        wanted[VALUE] = ("parameter_value_length", limits.value_length)
        for parameters, source in ((query, ParameterSource.QUERY), (posted, ParameterSource.POST)):
            for name, value in parameters:
                for part, text in ((NAME, name), (VALUE, value)):
                    if part not in wanted or len(text) <= wanted[part][1]:
                        continue
                    field = ParameterField(header_text(name), "", source)
                    lifting = self._lifting_parameter(request, field)
                    if lifting is not None:
                        yield from _once(lifting.exception, told)
                        continue
                    subtype, limit = wanted.pop(part)
                    yield self._threat(subtype, limit, len(text), place(field, part))

    def _lifting_parameter(self, request: Request, field: ParameterField) -> _LiftedParameter | None:
        return next((each for each in self._lifted_parameters if each.covers(request, field)), None)

    def _json(self, request: Request, document: Document, found: list[LimitThreat | Lifted]) -> None:
        limits = self._limited.json
        if document.depth > limits.nesting_depth:
            found.append(self._threat("json_nesting_depth", limits.nesting_depth, document.depth, None))
        if document.keys > limits.key_count:
            found.append(self._threat("json_key_count", limits.key_count, document.keys, None))
        if document.elements > limits.element_count:
            found.append(self._threat("json_element_count", limits.element_count, document.elements, None))
        # No value is longer than all of them.
        values = document.values if len(document.values_text) * _WIDEST > limits.value_length else []
        if _longest(document.names, limits.key_length) or _longest(values, limits.value_length):
            found += self._json_lengths(request, limits, document)

    def _json_lengths(
        self, request: Request, limits: JsonLimits, document: Document
    ) -> Iterator[LimitThreat | Lifted]:
        lifted = [each for each in self._lifted_json if each.applies(request)]
        told: set[str] = set()
        wanted = {NAME: ("json_key_length", limits.key_length)}
        wanted[VALUE] = ("json_value_length", limits.value_length)
        for node in nodes(document):
            measured = {}
            if node.named:
                measured[NAME] = len(node.key.encode())
            if isinstance(node.value, str):
                measured[VALUE] = len(node.value.encode())
            for part, length in measured.items():
                if part not in wanted or length <= wanted[part][1]:
                    continue
                lifting = next((each for each in lifted if each.location(node.location)), None)
                if lifting is not None:
                    yield from _once(lifting.exception, told)
                    continue
                subtype, limit = wanted.pop(part)
                field = JsonField(node.location, node.key, None)
                yield self._threat(subtype, limit, length, place(field, part))

    def _xml(self, request: Request, document: XmlDocument, found: list[LimitThreat | Lifted]) -> None:
        limits = self._limited.json
        for subtype, limit, measured in (
            ("xml_nesting_depth", limits.nesting_depth, document.depth),
            ("xml_attribute_count", limits.key_count, document.attributes),
            ("xml_element_count", limits.element_count, document.children),
        ):
            if measured > limit:
                found.append(self._threat(subtype, limit, measured, None))
        values = [value for _node, value in document.values]
        if _longest(list(document.names), limits.key_length) or _longest(values, limits.value_length):
            found += self._xml_lengths(request, limits, document)

    def _xml_lengths(
        self, request: Request, limits: JsonLimits, document: XmlDocument
    ) -> Iterator[LimitThreat | Lifted]:
        found = paths(document)
        told: set[str] = set()
        for part, subtype, limit, measured in (
            (NAME, "xml_name_length", limits.key_length, [(at, name) for name, at in document.names.items()]),
            (VALUE, "xml_value_length", limits.value_length, document.values),
        ):
            for node, text in measured:
                field = ParameterField(found[node], "", ParameterSource.POST)
                length = len(text.encode()) if len(text) * _WIDEST > limit else 0
                if length <= limit:
                    continue
                lifting = self._lifting_parameter(request, field)
                if lifting is None:
                    yield self._threat(subtype, limit, length, place(field, part))
                    break
                yield from _once(lifting.exception, told)

    def _threat(self, subtype: str, limit: int, measured: int, where: Place | None) -> LimitThreat:
        return LimitThreat(subtype, limit, measured, where, self._handling, self._origin)


_BODY_SUBTYPES: Final[dict[BodyFormat | None, str]] = {
    None: "general_body_size",
    BodyFormat.FORM: "parameter_body_size",
    BodyFormat.JSON: "json_body_size",
    BodyFormat.MULTIPART: "multipart_body_size",
    BodyFormat.XML: "xml_body_size",
}


def compile_limits(limits: Limits) -> LimitChecks | None:
    """None when nothing is limited. Raises ValueError naming the exception that cannot be read."""
    match limits.request:
        case Unlimited():
            return None
        case Limited() as limited:
            return LimitChecks(limits, limited)
        case _:
            assert_never(limits.request)


def _once(exception: str, told: set[str]) -> Iterator[Lifted]:
    if exception not in told:
        told.add(exception)
        yield Lifted(exception)


def _longest(texts: list[str], limit: int) -> bool:
    """Whether a text has more bytes than the limit."""
    if not texts:
        return False
    longest = max(map(len, texts))
    if longest * _WIDEST <= limit:
        return False
    return longest > limit or any(len(text.encode()) > limit for text in texts if len(text) * _WIDEST > limit)
