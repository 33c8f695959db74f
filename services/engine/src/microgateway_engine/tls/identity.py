"""A peer's certificate as text, and whether a client with it is accepted.

The chain, revocation and depth are OpenSSL's business in the handshake; here are the names and pins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from ipaddress import ip_address
from typing import Final, assert_never
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from msgspec import Struct

from microgateway_common.ir.matching import Exact
from microgateway_common.ir.tls import AllowedSan, Pins, SanType
from microgateway_inspection.matching import compile_match

_SanTest = Callable[["Identity"], bool]


class Identity:
    """What a certificate says, read when it is asked for. A certificate whose names cannot be read has
    none of them."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self.certificate = certificate

    @classmethod
    def from_der(cls, der: bytes) -> Identity:
        """Raises ValueError."""
        return cls(x509.load_der_x509_certificate(der))

    @cached_property
    def sha256(self) -> bytes:
        return self.certificate.fingerprint(hashes.SHA256())

    @cached_property
    def sha1(self) -> bytes:
        return self.certificate.fingerprint(hashes.SHA1())  # noqa: S303 - a name, not a protection

    @cached_property
    def public_key_sha256(self) -> bytes:
        """Of the SubjectPublicKeyInfo (RFC 7469 section 2.4)."""
        encoded = self.certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(encoded).digest()

    @cached_property
    def subject(self) -> str:
        """RFC 4514, the most specific part first."""
        return self.certificate.subject.rfc4514_string()

    @cached_property
    def issuer(self) -> str:
        return self.certificate.issuer.rfc4514_string()

    @cached_property
    def serial(self) -> str:
        """Hexadecimal digits."""
        return f"{self.certificate.serial_number:x}"

    @cached_property
    def not_before(self) -> datetime:
        return self.certificate.not_valid_before_utc

    @cached_property
    def not_after(self) -> datetime:
        return self.certificate.not_valid_after_utc

    @cached_property
    def pem(self) -> str:
        """Percent-encoded, as it stands in headers."""
        return quote(self.certificate.public_bytes(serialization.Encoding.PEM), safe="")

    def sans(self, kind: SanType) -> tuple[str, ...]:
        """Subject alternative names of a type; addresses in their canonical form."""
        match kind:
            case SanType.DNS:
                return tuple(self._names.get_values_for_type(x509.DNSName))
            case SanType.EMAIL:
                return tuple(self._names.get_values_for_type(x509.RFC822Name))
            case SanType.URI:
                return tuple(self._names.get_values_for_type(x509.UniformResourceIdentifier))
            case SanType.IP_ADDRESS:
                return tuple(str(each) for each in self._names.get_values_for_type(x509.IPAddress))
            case _:
                assert_never(kind)

    @cached_property
    def _names(self) -> x509.SubjectAlternativeName:
        try:
            extensions = self.certificate.extensions
            return extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (x509.ExtensionNotFound, ValueError, x509.UnsupportedGeneralNameType, x509.DuplicateExtension):
            return x509.SubjectAlternativeName([])


class Accepted(Struct, frozen=True):
    """identity: None when the client presented no certificate."""

    identity: Identity | None


class NotAccepted(Struct, frozen=True):
    """cause: a metric label. details: for the log."""

    cause: str
    details: str


_NOBODY: Final = Accepted(None)


class ClientCheck(Struct, frozen=True):
    """Whose certificate is accepted. asked: whether clients are asked for one. required: whether they must
    have one. sans: at least one holds; pins: it is one of these. Either is empty when it does not matter."""

    asked: bool
    required: bool
    sans: tuple[_SanTest, ...] = ()
    pinned_certificates: frozenset[bytes] = frozenset()
    pinned_keys: frozenset[bytes] = frozenset()

    @classmethod
    def nobody(cls) -> ClientCheck:
        """Clients are not asked for a certificate."""
        return cls(asked=False, required=False)

    @classmethod
    def anybody(cls) -> ClientCheck:
        """Clients may present a certificate that OpenSSL verifies."""
        return cls(asked=True, required=False)

    @classmethod
    def these(cls, sans: tuple[AllowedSan, ...], pins: Pins) -> ClientCheck:
        """Raises ValueError for a matcher that cannot be made ready."""
        return cls(
            asked=True,
            required=True,
            sans=tuple(_san_test(each) for each in sans),
            pinned_certificates=frozenset(pins.certificates),
            pinned_keys=frozenset(pins.public_keys),
        )

    def check(self, der: bytes | None) -> Accepted | NotAccepted:
        """der: the certificate that the client has proved to be its own in the handshake."""
        if not self.asked:
            return _NOBODY
        if not der:
            if self.required:  # OpenSSL has refused it already
                return NotAccepted("no_certificate", "the client presented no certificate")
            return _NOBODY
        try:
            identity = Identity.from_der(der)
            return self._judge(identity)
        except ValueError:
            return NotAccepted("unreadable_certificate", "the client's certificate cannot be read")

    def _judge(self, identity: Identity) -> Accepted | NotAccepted:
        if (self.pinned_certificates or self.pinned_keys) and not (
            identity.sha256 in self.pinned_certificates or identity.public_key_sha256 in self.pinned_keys
        ):
            return NotAccepted("not_pinned", f"{identity.subject[:200]} is not pinned")
        if self.sans and not any(test(identity) for test in self.sans):
            return NotAccepted("wrong_name", f"{identity.subject[:200]} has no allowed name")
        return Accepted(identity)


def _san_test(allowed: AllowedSan) -> _SanTest:
    kind, match = allowed.type, allowed.match
    if isinstance(match, Exact):
        match kind:
            case SanType.DNS:
                return _dns_test(match.value)
            case SanType.IP_ADDRESS:
                match = Exact(_canonical_address(match.value), ignore_case=False)
    test = compile_match(match)
    return lambda identity: any(map(test, identity.sans(kind)))


def _dns_test(name: str) -> _SanTest:
    """Without case, and a certificate for `*.example.com` is one for `a.example.com` (RFC 9525 section
    6.3)."""
    wanted = name.lower()
    _, _, parent = wanted.partition(".")
    accepted = {wanted, f"*.{parent}"} if "." in parent else {wanted}
    return lambda identity: any(each.lower() in accepted for each in identity.sans(SanType.DNS))


def _canonical_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return text
