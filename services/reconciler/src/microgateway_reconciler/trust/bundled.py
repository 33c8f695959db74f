"""Certificate and passwords of the Redis that is installed with us. No I/O.

One CA that signs one certificate and is forgotten: there is nothing else to sign. Both live ten years; to
replace them, or the passwords, delete the keys and restart Redis (docs/security.md).
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from microgateway_common.bus.connection import RedisAccess
from microgateway_common.settings import RedisUrl

from .users import READER, READER_RULES, WRITER, WRITER_RULES

_LIFETIME = timedelta(days=3650)

#: A certificate made now is valid for servers whose clock is behind.
_LEEWAY = timedelta(hours=1)


class BundledRedis(Struct, frozen=True, tag="bundled"):
    """host: the certificate's. PEM: ca, certificate, key."""

    host: str
    writer_password: str
    reader_password: str
    ca: str
    certificate: str
    key: str


def new_bundled_redis(host: str) -> BundledRedis:
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Microgateway Redis CA")])
    ca = (
        _certificate(ca_name, ca_name, ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "microgateway-redis")])
    certificate = (
        _certificate(name, ca_name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    return BundledRedis(
        host,
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(32),
        _pem(ca),
        _pem(certificate),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )


def server_files(redis: BundledRedis) -> dict[str, bytes]:
    """What the server is started with. Of passwords it has hashes only."""
    users = [
        "user default off",
        _user(WRITER, redis.writer_password, WRITER_RULES),
        _user(READER, redis.reader_password, READER_RULES),
    ]
    return {
        "users.acl": ("\n".join(users) + "\n").encode(),
        "ca.crt": redis.ca.encode(),
        "tls.crt": redis.certificate.encode(),
        "tls.key": redis.key.encode(),
    }


def reader_files(redis: BundledRedis) -> dict[str, bytes]:
    """For the config-api: a folder of credentials (`settings.redis_credentials`)."""
    return {
        "username": READER.encode(),
        "password": redis.reader_password.encode(),
        "ca.crt": redis.ca.encode(),
    }


def writer_access(redis: BundledRedis, url: RedisUrl) -> RedisAccess:
    """Our own."""
    return RedisAccess(url, WRITER, redis.writer_password, redis.ca)


def _user(name: str, password: str, rules: Iterable[str]) -> str:
    hashed = hashlib.sha256(password.encode()).hexdigest()
    return " ".join(("user", name, "reset", "on", f"#{hashed}", *rules))


def _certificate(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, key_cert_sign: bool = False, digital_signature: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
