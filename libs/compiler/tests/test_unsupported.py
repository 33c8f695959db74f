"""What the golden cases `unsupported-*` do not show: which settings are fine."""

from __future__ import annotations

from typing import Any

import pytest

from microgateway_common.problems import Severity
from microgateway_common.resources import registry
from microgateway_common.resources.content_security import ContentSecurity
from microgateway_common.resources.metadata import API_VERSION
from microgateway_common.resources.sidecar_gateway import SidecarGateway
from microgateway_compiler.unsupported import unsupported_in_content_security, unsupported_in_gateway


def parsed(kind: str, spec: Any) -> Any:
    return registry.parse({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "x"}, "spec": spec})


def gateway(**application: Any) -> SidecarGateway:
    found = parsed("SidecarGateway", {"applications": [application]})
    assert isinstance(found, SidecarGateway)
    return found


@pytest.mark.parametrize(
    "application",
    [
        {},
        {"downstream": {"tls": {"enable": True}}, "upstream": {"tls": {"enable": True}}},
        {"downstream": {"protocol": {"http1": {}}}, "upstream": {"protocol": {"auto": {}}}},
        {"downstream": {"protocol": {"auto": {"http2": {"allowConnect": True}}}}},
        {
            "downstream": {"protocol": {"http2": {}}},
            "upstream": {"protocol": {"http2": {"allowConnect": True}}},
        },
        {"envoyHTTPFilterRefs": {}},
        {"routes": [{"unsecured": {}}, {"secured": {}}]},
    ],
)
def test_settings_that_ask_for_nothing_we_lack_are_fine(application: dict[str, Any]) -> None:
    assert list(unsupported_in_gateway(gateway(**application))) == []


def test_an_empty_api_protection_is_fine() -> None:
    found = parsed("ContentSecurity", {"apiProtection": {}})
    assert isinstance(found, ContentSecurity)
    assert list(unsupported_in_content_security(found)) == []


@pytest.mark.parametrize(
    "application",
    [
        {"envoyHTTPFilterRefs": {"append": [{"name": "authorization"}]}},
        {"routes": [{"secured": {"accessControlRef": {"name": "employees"}}}]},
    ],
)
def test_a_protection_that_would_be_missing_is_an_error(application: dict[str, Any]) -> None:
    [problem] = unsupported_in_gateway(gateway(**application))
    assert problem.severity is Severity.ERROR
