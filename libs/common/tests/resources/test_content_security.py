"""ContentSecurity: references, all of them optional."""

from __future__ import annotations

from microgateway_common.resources.content_security import ContentSecuritySpec


def test_nothing_is_referred_to_by_default() -> None:
    spec = ContentSecuritySpec.model_validate({})
    references = (spec.parser_ref, spec.limits_ref, spec.filter.deny_rules_ref, spec.header_rewrites_ref)
    unsupported = (spec.api_protection, spec.api_protection_ref, spec.csrf_protection_ref)
    assert references == (None,) * 4
    assert unsupported == (None,) * 3


def test_references_are_read_as_manifests_spell_them() -> None:
    name = {"name": "a"}
    spec = ContentSecuritySpec.model_validate(
        {
            "apiProtection": {"graphQLRef": name, "openAPIRef": name},
            "csrfProtectionRef": name,
            "filter": {"denyRulesRef": name},
            "headerRewritesRef": name,
        }
    )
    assert spec.api_protection is not None
    assert spec.api_protection.graph_ql_ref == spec.api_protection.open_api_ref == spec.csrf_protection_ref
    assert spec.filter.deny_rules_ref == spec.header_rewrites_ref
