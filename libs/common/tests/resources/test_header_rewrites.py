"""HeaderRewrites: which built-in actions are on when nothing is said."""

from __future__ import annotations

from microgateway_common.ir.header_rewrites import AddMode, OperationalMode
from microgateway_common.resources.header_rewrites import (
    AllHeaders,
    HeaderAddition,
    HeaderRewritesSpec,
    MatchingRequestHeaders,
    MatchingResponseHeaders,
)


def test_request_defaults() -> None:
    request = HeaderRewritesSpec.model_validate({}).request
    assert isinstance(request.allow, MatchingRequestHeaders)
    assert request.allow.built_in.standard_headers
    assert not request.allow.built_in.tracing_headers
    assert request.remove.built_in.alternative_forwarded_headers
    assert (request.allow.custom, request.remove.custom, request.add.custom) == ((), (), ())


def test_response_defaults() -> None:
    response = HeaderRewritesSpec.model_validate({}).response
    assert response.allow == AllHeaders()
    remove, add = response.remove.built_in, response.add.built_in
    assert (remove.auth.basic, remove.auth.negotiate, remove.auth.ntlm) == (False, True, True)
    assert (remove.information_leakage.application, remove.information_leakage.server) == (True, True)
    assert remove.permissive_cors
    assert [name for name, on in add if on] == [
        "hsts",
        "permissions_policy",
        "referrer_policy",
        "x_content_type_options",
        "x_frame_options",
    ]


def test_matching_response_headers_have_their_own_default() -> None:
    spec = HeaderRewritesSpec.model_validate({"response": {"allow": {"matchingHeaders": {}}}})
    assert isinstance(spec.response.allow, MatchingResponseHeaders)
    assert not spec.response.allow.built_in.standard_headers


def test_additions_leave_what_is_there_by_default() -> None:
    addition = HeaderAddition.model_validate({"name": "x", "headers": [{"name": "A", "value": ""}]})
    assert addition.mode is AddMode.ADD_IF_ABSENT


def test_actions_are_not_logged_by_default() -> None:
    assert HeaderRewritesSpec.model_validate({}).settings.operational_mode is OperationalMode.PRODUCTION
