"""X.509, as little as the API server needs: a CA and serving certificates, ECDSA P-256 (RFC 5280)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: Clocks of API servers and replicas differ.
_BACKDATED = timedelta(minutes=5)


class CertificateError(ValueError):
    """What should be a certificate or a key is none."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, PEM. The key is kept out of every representation."""

    certificate: bytes
    key: bytes = field(repr=False)

    @property
    def begins(self) -> datetime:
        return _load(self.certificate).not_valid_before_utc + _BACKDATED

    @property
    def expires(self) -> datetime:
        return expiry(self.certificate)


def new_authority(now: datetime, lifetime: timedelta) -> KeyPair:
    """A self-signed CA that may sign serving certificates and no further CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # Two CAs of one name would be taken for one another while both are trusted.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"microgateway-webhook CA {serial:x}"[:64])])
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    certificate = (
        _builder(name, name, serial, now, lifetime)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return _pair(certificate, key)


def issue(authority: KeyPair, names: tuple[str, ...], now: datetime, lifetime: timedelta) -> KeyPair:
    """A serving certificate for DNS names; it ends with its authority at the latest."""
    issuer = _load(authority.certificate)
    signer = load_pem_private_key(authority.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    lifetime = min(lifetime, issuer.not_valid_after_utc - now)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "microgateway-webhook")])
    certificate = (
        _builder(subject, issuer.subject, x509.random_serial_number(), now, lifetime)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, SHA256())
    )
    return _pair(certificate, key)


def expiry(certificate: bytes) -> datetime:
    """When a PEM certificate ends. Raises CertificateError."""
    return _load(certificate).not_valid_after_utc


def dns_names(certificate: bytes) -> tuple[str, ...]:
    """For whom a serving certificate speaks. Raises CertificateError."""
    try:
        names = _load(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.value.get_values_for_type(x509.DNSName))


def check_pair(pair: KeyPair) -> None:
    """Raises CertificateError when certificate or key is unreadable or they do not belong together."""
    try:
        key = load_pem_private_key(pair.key, None)
    except (ValueError, TypeError) as error:
        raise CertificateError("expected a PEM private key without password, got something else") from error
    if key.public_key() != _load(pair.certificate).public_key():
        raise CertificateError("expected a certificate and its own private key, got those of two")


def _load(certificate: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate)
    except ValueError as error:
        raise CertificateError("expected a PEM certificate, got something else") from error


def _builder(
    subject: x509.Name, issuer: x509.Name, serial: int, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    begin = now.astimezone(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(serial)
        .not_valid_before(begin - _BACKDATED)
        .not_valid_after(begin + lifetime)
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    encoded = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(certificate.public_bytes(Encoding.PEM), encoded)
