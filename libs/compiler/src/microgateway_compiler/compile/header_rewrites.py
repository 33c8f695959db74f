"""CRD HeaderRewrites → ir.header_rewrites."""

from __future__ import annotations

from typing import assert_never
from unicodedata import category

from microgateway_common.ir.header_rewrites import (
    AllowAll,
    AllowMatching,
    HeaderAddition,
    HeaderGroup,
    HeaderRewrites,
    NewHeader,
    Rewrites,
)
from microgateway_common.ir.origin import Origin
from microgateway_common.managed_headers import MANAGED_HEADERS
from microgateway_common.problems import ObjectRef, Problem
from microgateway_common.resources import header_rewrites as crd

from . import headers as built_in
from .matching import header_match, request_conditions
from .part import Part, origin_of
from .templates import template

_Switches = tuple[tuple[bool, HeaderGroup], ...]


def compile_header_rewrites(resource: crd.HeaderRewrites) -> Part[HeaderRewrites]:
    return header_rewrites(origin_of(resource), resource.ref, resource.spec)


def header_rewrites(origin: Origin, subject: ObjectRef, spec: crd.HeaderRewritesSpec) -> Part[HeaderRewrites]:
    """subject: whom to blame."""
    request = _additions(subject, "spec.request.add", spec.request.add.custom)
    response = _additions(subject, "spec.response.add", spec.response.add.custom)
    rewrites = HeaderRewrites(
        origin=origin,
        request=Rewrites(
            _request_allow(spec.request.allow), _request_remove(spec.request.remove), request.value
        ),
        response=Rewrites(
            _response_allow(spec.response.allow),
            _response_remove(spec.response.remove),
            _built_in_additions(spec.response.add.built_in) + response.value,
        ),
        mode=spec.settings.operational_mode,
    )
    return Part(rewrites, request.problems + response.problems)


def _request_allow(allow: crd.AllHeaders | crd.MatchingRequestHeaders) -> AllowAll | AllowMatching:
    match allow:
        case crd.AllHeaders():
            return AllowAll()
        case crd.MatchingRequestHeaders(built_in=lists, custom=custom):
            switches = (
                (lists.standard_headers, built_in.STANDARD_REQUEST_HEADERS),
                (lists.tracing_headers, built_in.TRACING_HEADERS),
            )
            return AllowMatching(_groups(switches, custom))
        case _:
            assert_never(allow)


def _response_allow(allow: crd.AllHeaders | crd.MatchingResponseHeaders) -> AllowAll | AllowMatching:
    match allow:
        case crd.AllHeaders():
            return AllowAll()
        case crd.MatchingResponseHeaders(built_in=lists, custom=custom):
            switches = ((lists.standard_headers, built_in.STANDARD_RESPONSE_HEADERS),)
            return AllowMatching(_groups(switches, custom))
        case _:
            assert_never(allow)


def _request_remove(remove: crd.RequestRemovals) -> tuple[HeaderGroup, ...]:
    lists = remove.built_in
    switches = ((lists.alternative_forwarded_headers, built_in.ALTERNATIVE_FORWARDED_HEADERS),)
    return _groups(switches, remove.custom)


def _response_remove(remove: crd.ResponseRemovals) -> tuple[HeaderGroup, ...]:
    lists = remove.built_in
    switches = (
        (lists.auth.basic, built_in.AUTH_BASIC),
        (lists.auth.negotiate, built_in.AUTH_NEGOTIATE),
        (lists.auth.ntlm, built_in.AUTH_NTLM),
        (lists.information_leakage.server, built_in.SERVER_LEAKAGE),
        (lists.information_leakage.application, built_in.APPLICATION_LEAKAGE),
        (lists.permissive_cors, built_in.PERMISSIVE_CORS),
    )
    return _groups(switches, remove.custom)


def _built_in_additions(switches: crd.BuiltInResponseAdditions) -> tuple[HeaderAddition, ...]:
    """The first of two additions of one header wins, so hstsPreload comes before hsts."""
    additions = (
        (switches.hsts_preload, built_in.HSTS_PRELOAD),
        (switches.hsts, built_in.HSTS),
        (switches.csp, built_in.CSP),
        (switches.permissions_policy, built_in.PERMISSIONS_POLICY),
        (switches.feature_policy, built_in.FEATURE_POLICY),
        (switches.referrer_policy, built_in.REFERRER_POLICY),
        (switches.x_content_type_options, built_in.X_CONTENT_TYPE_OPTIONS),
        (switches.x_frame_options, built_in.X_FRAME_OPTIONS),
    )
    return tuple(addition for is_on, addition in additions if is_on)


def _groups(switches: _Switches, custom: tuple[crd.HeaderSelection, ...]) -> tuple[HeaderGroup, ...]:
    chosen = tuple(group for is_on, group in switches if is_on)
    return chosen + tuple(
        HeaderGroup(
            selection.name,
            request_conditions(selection.request_conditions),
            tuple(header_match(header.name, header.value) for header in selection.headers),
        )
        for selection in custom
    )


def _additions(
    subject: ObjectRef, path: str, custom: tuple[crd.HeaderAddition, ...]
) -> Part[tuple[HeaderAddition, ...]]:
    additions, problems = list[HeaderAddition](), list[Problem]()
    for position, addition in enumerate(custom):
        headers = list[NewHeader]()
        for number, header in enumerate(addition.headers):
            new = _new_header(subject, f"{path}.custom[{position}].headers[{number}]", header)
            headers.append(new.value)
            problems += new.problems
        conditions = request_conditions(addition.request_conditions)
        additions.append(HeaderAddition(addition.name, conditions, addition.mode, tuple(headers)))
    return Part(tuple(additions), tuple(problems))


def _new_header(subject: ObjectRef, path: str, header: crd.NewHeader) -> Part[NewHeader]:
    value = template(subject, f"{path}.value", header.value)
    problems = list(value.problems)
    if header.name.lower() in MANAGED_HEADERS:
        problems.append(
            Problem(subject, f"{path}.name", "a header other than those of the connection", header.name)
        )
    control = next((char for char in header.value if category(char) == "Cc"), None)
    if control is not None:
        # RFC 9110, section 5.5: a line break in a value would begin another header.
        got = f"U+{ord(control):04X}"
        problems.append(Problem(subject, f"{path}.value", "text without control characters", got))
    return Part(NewHeader(header.name, value.value), tuple(problems))
