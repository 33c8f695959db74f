"""TLS settings: defaults and the choice of client certificates."""

from __future__ import annotations

from microgateway_common.resources.tls import (
    CrlValidation,
    DownstreamTls,
    IgnoredClientCertificate,
    OptionalClientCertificate,
    RequiredClientCertificate,
    SanType,
    UpstreamTls,
)

TRUSTED = {"certificates": [{"secretRef": {"name": "ca"}}]}


def test_tls_is_off_and_client_certificates_are_ignored_by_default() -> None:
    tls = DownstreamTls.model_validate({})
    assert (tls.enable, tls.ciphers, tls.secret_ref, tls.xfcc) == (False, (), None, None)
    assert tls.client_certificate == IgnoredClientCertificate()
    assert (tls.protocol.minimum, tls.protocol.maximum) == (None, None)
    assert not UpstreamTls.model_validate({}).enable


def test_optional_client_certificates_need_an_authority() -> None:
    tls = DownstreamTls.model_validate({"clientCertificate": {"optional": {"trustedCA": TRUSTED, "crl": {}}}})
    certificate = tls.client_certificate
    assert isinstance(certificate, OptionalClientCertificate)
    assert certificate.trusted_ca.verification_depth == 1
    assert certificate.crl is not None
    assert certificate.crl.validation_mode is CrlValidation.VERIFY_CHAIN


def test_required_client_certificates_can_be_narrowed() -> None:
    sans = [{"matcher": {"suffix": ".example.org"}, "sanType": "DNS"}]
    tls = DownstreamTls.model_validate({"clientCertificate": {"required": {"allowedSANs": sans}}})
    certificate = tls.client_certificate
    assert isinstance(certificate, RequiredClientCertificate)
    assert certificate.allowed_sans[0].san_type is SanType.DNS
    assert (certificate.trusted_ca, certificate.certificate_pinning, certificate.crl) == (None, None, None)
