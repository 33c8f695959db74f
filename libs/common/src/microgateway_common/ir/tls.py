"""TLS on either side of an application port (CRD SidecarGateway, `downstream.tls` and `upstream.tls`).

Certificates, keys and revocation lists are not here: `GatewayConfig.secrets` holds them as PEM, and a
Material is the name of one of its entries, so that all of them can be sealed together.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NewType

from msgspec import Struct

from .matching import StringMatch

#: Key into `GatewayConfig.secrets`: `namespace/secret:entry`, such as `shop/shop-tls:tls.key`.
Material = NewType("Material", str)


class TlsVersion(StrEnum):
    TLS_1_0 = "TLSv1_0"
    TLS_1_1 = "TLSv1_1"
    TLS_1_2 = "TLSv1_2"
    TLS_1_3 = "TLSv1_3"


#: Oldest first: the order of `TlsVersion`.
TLS_VERSIONS: Final = tuple(TlsVersion)


class TlsProtocol(Struct, frozen=True):
    """Which TLS is spoken. ciphers: suites of TLS 1.2 and older in OpenSSL's names, the preferred first;
    empty for those OpenSSL considers good. The suites of TLS 1.3 cannot be chosen."""

    minimum: TlsVersion
    maximum: TlsVersion
    ciphers: tuple[str, ...]


class Cleartext(Struct, frozen=True, tag="cleartext"):
    """No TLS."""


class ChainTrust(Struct, frozen=True, tag="chain"):
    """A certificate must lead to one of these authorities.

    authorities: PEM certificates. depth: most intermediate certificates between an authority's and the
    peer's.
    """

    authorities: tuple[Material, ...]
    depth: int


class AnyChain(Struct, frozen=True, tag="any"):
    """Whoever issued the certificate; Pinned says which ones are accepted."""


class CrlScope(StrEnum):
    """Which certificates of a chain must not be revoked."""

    LEAF = "leaf"
    CHAIN = "chain"


class NoRevocation(Struct, frozen=True, tag="none"):
    """Revocation is not checked."""


class RevocationLists(Struct, frozen=True, tag="lists"):
    """lists: PEM revocation lists (RFC 5280 section 5). A certificate whose issuer has none here is
    refused."""

    lists: tuple[Material, ...]
    scope: CrlScope


Revocation = NoRevocation | RevocationLists


class SanType(StrEnum):
    """Types of subject alternative names (RFC 5280 section 4.2.1.6)."""

    DNS = "DNS"
    EMAIL = "Email"
    URI = "URI"
    IP_ADDRESS = "IPAddress"


class AllowedSan(Struct, frozen=True):
    type: SanType
    match: StringMatch


class Pins(Struct, frozen=True):
    """The certificate must be one of these; nothing is pinned when both are empty.

    certificates: SHA-256 of certificates in DER. public_keys: SHA-256 of their SubjectPublicKeyInfo.
    """

    certificates: tuple[bytes, ...]
    public_keys: tuple[bytes, ...]


class IgnoredClientCertificate(Struct, frozen=True, tag="ignored"):
    """Clients are not asked for a certificate."""


class OptionalClientCertificate(Struct, frozen=True, tag="optional"):
    """Clients may present a certificate, which must then be valid."""

    trust: ChainTrust
    revocation: Revocation


class RequiredClientCertificate(Struct, frozen=True, tag="required"):
    """Clients must present a valid certificate that has one of the names (any when there are none) and
    is one of the pinned. AnyChain only comes with pins."""

    trust: ChainTrust | AnyChain
    revocation: Revocation
    allowed_sans: tuple[AllowedSan, ...]
    pins: Pins


ClientCertificate = IgnoredClientCertificate | OptionalClientCertificate | RequiredClientCertificate


class ServerTls(Struct, frozen=True, tag="tls"):
    """Clients speak TLS with us. chain: our certificate and those that lead to its authority."""

    chain: Material
    key: Material
    protocol: TlsProtocol
    client_certificate: ClientCertificate


class ClientTls(Struct, frozen=True, tag="tls"):
    """We speak TLS with the application, whose certificate is not verified: it is in our pod."""

    protocol: TlsProtocol


class Xfcc(StrEnum):
    """What happens to X-Forwarded-Client-Cert; all but ALWAYS_FORWARD_ONLY remove it when the client
    has presented no certificate."""

    SANITIZE = "Sanitize"
    FORWARD_ONLY = "ForwardOnly"
    APPEND_AND_FORWARD = "AppendAndForward"
    SANITIZE_AND_SET = "SanitizeAndSet"
    ALWAYS_FORWARD_ONLY = "AlwaysForwardOnly"
