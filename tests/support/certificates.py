"""Certificates made for a test: authorities, leaves, revocation lists, and the files that tools want."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

DAY = timedelta(days=1)


@lru_cache(maxsize=4)
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Slow to make, so the same for all tests."""
    return rsa.generate_private_key(65537, bits)


def names(*texts: str) -> list[x509.GeneralName]:
    """Subject alternative names as they look: addresses, URIs, e-mail addresses, else host names."""
    return [_name(text) for text in texts]


def _name(text: str) -> x509.GeneralName:
    if "://" in text:
        return x509.UniformResourceIdentifier(text)
    if "@" in text:
        return x509.RFC822Name(text)
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@dataclass(frozen=True)
class Certified:
    """A certificate with its key, and the intermediate certificates that lead to its authority."""

    certificate: x509.Certificate
    key: PrivateKey
    intermediates: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """The chain."""
        return b"".join(pem(each) for each in (self.certificate, *self.intermediates))

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def files(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Chain and key, for tools."""
        chain, key = folder / f"{name}.crt", folder / f"{name}.key"
        chain.write_bytes(self.pem)
        key.write_bytes(self.key_pem)
        return chain, key


class Authority(Certified):
    """Who certifies others."""

    def leaf(
        self,
        common_name: str,
        *sans: str,
        key: PrivateKey | None = None,
        begins: timedelta = -DAY,
        ends: timedelta = 30 * DAY,
    ) -> Certified:
        """begins, ends: from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(common_name, key, self, names(*sans), False, begins, ends)
        return Certified(certificate, key, self._chain)

    def intermediate(self, common_name: str) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(common_name, key, self, [], True, -DAY, 30 * DAY)
        return Authority(certificate, key, self._chain)

    def revoke(self, *revoked: Certified, ends: timedelta = 30 * DAY) -> bytes:
        """A revocation list in PEM."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - 2 * DAY)
            .next_update(now + ends)
        )
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - DAY).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    @property
    def _chain(self) -> tuple[x509.Certificate, ...]:
        """Of those it certifies: itself and what is above it, but for the root."""
        return (self.certificate, *self.intermediates) if not self._is_root else ()

    @property
    def _is_root(self) -> bool:
        return self.certificate.issuer == self.certificate.subject


def authority(common_name: str = "Test CA") -> Authority:
    """A root."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(_certificate(common_name, key, None, [], True, -DAY, 300 * DAY), key)


def self_signed(common_name: str, *sans: str) -> Certified:
    """Nobody's."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Certified(_certificate(common_name, key, None, names(*sans), False, -DAY, 30 * DAY), key)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _certificate(
    common_name: str,
    key: PrivateKey,
    issuer: Certified | None,
    sans: Iterable[x509.GeneralName],
    is_authority: bool,
    begins: timedelta,
    ends: timedelta,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if found := list(sans):
        builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())
