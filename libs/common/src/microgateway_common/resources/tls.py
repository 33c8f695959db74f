"""TLS settings of either side of a gateway."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from .base import Items, Keyword, Maybe, Model
from .matching import Matched
from .one_of import OneOf
from .reference import Reference, SecretSource


class TlsVersion(StrEnum):
    TLS_1_0 = "TLSv1_0"
    TLS_1_1 = "TLSv1_1"
    TLS_1_2 = "TLSv1_2"
    TLS_1_3 = "TLSv1_3"


class TlsVersions(Model):
    """Which versions of TLS are spoken."""

    maximum: Maybe[Keyword[TlsVersion]] = Field(None, description="Newest version; TLSv1_3 when absent.")
    minimum: Maybe[Keyword[TlsVersion]] = Field(
        None,
        description="Oldest version; TLSv1_2 when absent. Older ones are deprecated (RFC 8996) and lower "
        "what keys and signatures are accepted.",
    )


class CrlValidation(StrEnum):
    """Which certificates of a chain are looked up in revocation lists."""

    VERIFY_LEAF_CERT_ONLY = "VerifyLeafCertOnly"
    VERIFY_CHAIN = "VerifyChain"


class RevocationLists(Model):
    """Certificate revocation lists (RFC 5280)."""

    lists: Items[SecretSource] = Field(
        (),
        min_length=1,
        max_length=32,
        description="Secrets with revocation lists in PEM, in their entry ca.crl. A certificate whose issuer "
        "has none, or an outdated one, is refused.",
    )
    validation_mode: Keyword[CrlValidation] = Field(
        CrlValidation.VERIFY_CHAIN,
        description="Whether all certificates of the chain are looked up, or the client's only.",
    )


class TrustedCA(Model):
    """Certification authorities whose certificates are accepted."""

    certificates: Items[SecretSource] = Field(
        min_length=1,
        max_length=16,
        description="Secrets with certificates of authorities in PEM, in their entry ca.crt; authorities "
        "that are not at the root are trusted by themselves.",
    )
    verification_depth: Annotated[int, Field(ge=0)] = Field(
        1, description="Most intermediate certificates between the authority's and the peer's."
    )


class SanType(StrEnum):
    """Types of subject alternative names."""

    DNS = "DNS"
    EMAIL = "Email"
    URI = "URI"
    IP_ADDRESS = "IPAddress"


class AllowedSan(Matched):
    """A subject alternative name that is accepted."""

    san_type: Keyword[SanType] = Field(description="Type of the name.")


class CertificatePinning(Model):
    """Certificates of which the client's must be one."""

    allowed_hashes: Items[str] = Field(
        (),
        min_length=1,
        max_length=64,
        description="SHA-256 fingerprints of accepted certificates in hexadecimal digits, with or without "
        "colons.",
    )
    allowed_spkis: Items[str] = Field(
        (),
        min_length=1,
        max_length=64,
        description="SHA-256 digests in Base64 of the public keys (SubjectPublicKeyInfo) of accepted "
        "certificates; one of either list is enough.",
    )


class IgnoredClientCertificate(Model):
    """Clients are not asked for a certificate."""


class OptionalClientCertificate(Model):
    """Clients may present a certificate, which must then be valid."""

    crl: Maybe[RevocationLists] = Field(None, description="Revocation of client certificates.")
    trusted_ca: TrustedCA = Field(description="Authorities whose client certificates are accepted.")


class RequiredClientCertificate(Model):
    """Clients must present a valid certificate. All that is given must hold."""

    allowed_sans: Items[AllowedSan] = Field(
        (),
        min_length=1,
        max_length=32,
        description="Subject alternative names, one of which the certificate must have; needs trustedCA. "
        "An exact DNS name is compared without case and also fits a wildcard in the certificate.",
    )
    certificate_pinning: Maybe[CertificatePinning] = Field(
        None,
        description="Certificates of which the client's must be one; without trustedCA it does not matter "
        "who issued them.",
    )
    crl: Maybe[RevocationLists] = Field(None, description="Revocation of client certificates.")
    trusted_ca: Maybe[TrustedCA] = Field(
        None,
        description="Authorities whose client certificates are accepted; may only be absent with "
        "certificatePinning.",
    )


ClientCertificate = Annotated[
    IgnoredClientCertificate | OptionalClientCertificate | RequiredClientCertificate,
    OneOf(
        ignored=IgnoredClientCertificate,
        optional=OptionalClientCertificate,
        required=RequiredClientCertificate,
    ),
]


class Xfcc(StrEnum):
    """What happens to the header X-Forwarded-Client-Cert."""

    SANITIZE = "Sanitize"
    FORWARD_ONLY = "ForwardOnly"
    APPEND_AND_FORWARD = "AppendAndForward"
    SANITIZE_AND_SET = "SanitizeAndSet"
    ALWAYS_FORWARD_ONLY = "AlwaysForwardOnly"


class DownstreamTls(Model):
    """TLS between clients and the gateway."""

    ciphers: Items[str] = Field(
        (),
        min_length=1,
        max_length=32,
        description="Cipher suites of TLS 1.2 and older in OpenSSL's names, the preferred first; good ones "
        "when absent. Those of TLS 1.3 cannot be chosen.",
    )
    client_certificate: ClientCertificate = Field(
        IgnoredClientCertificate(),
        description="Whether clients present a certificate: ignored, optional or required; ignored when "
        "absent.",
    )
    enable: bool = Field(
        False, description="Whether clients speak TLS with the gateway; cleartext is refused then."
    )
    protocol: TlsVersions = Field(TlsVersions(), description="Versions of TLS.")
    secret_ref: Maybe[Reference] = Field(
        None,
        description="Secret of type kubernetes.io/tls with the gateway's certificate, followed by those that "
        "lead to its authority (tls.crt), and its key (tls.key); needed when TLS is enabled. New connections "
        "use a renewed one, others live on.",
    )
    xfcc: Maybe[Keyword[Xfcc]] = Field(
        None,
        description="What happens to X-Forwarded-Client-Cert, also in cleartext: removed (Sanitize), kept "
        "when the client has presented a certificate (ForwardOnly), then with an entry of ours added "
        "(AppendAndForward), replaced by that entry (SanitizeAndSet), or kept always (AlwaysForwardOnly); "
        "Sanitize when absent.",
    )


class UpstreamTls(Model):
    """TLS between the gateway and the application, whose certificate is not verified."""

    ciphers: Items[str] = Field(
        (),
        min_length=1,
        max_length=32,
        description="Cipher suites of TLS 1.2 and older in OpenSSL's names, the preferred first; good ones "
        "when absent. Those of TLS 1.3 cannot be chosen.",
    )
    enable: bool = Field(False, description="Whether the gateway speaks TLS to the application.")
    protocol: TlsVersions = Field(TlsVersions(), description="Versions of TLS.")
