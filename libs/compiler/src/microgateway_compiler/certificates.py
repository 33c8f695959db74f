"""What is wrong with PEM from Secrets: certificates, private keys, certificate revocation lists.

Each check says `expected …, got …` and never shows what it read: Fault for what an engine could not use,
Doubt for what it can use and clients may refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

#: Weaker keys OpenSSL refuses at its default security level 2, 112 bits (SSL_CTX_set_security_level(3)).
MIN_RSA_BITS: Final = 2048
MIN_EC_BITS: Final = 224

#: Signatures that level does not take either.
_BROKEN_HASHES: Final = (hashes.MD5, hashes.SHA1)

#: Certificates or lists of one entry of a Secret; authorities of the web are some 150.
MAX_ITEMS: Final = 1000

_CRL: Final = re.compile(rb"-----BEGIN X509 CRL-----[A-Za-z0-9+/=\s]+-----END X509 CRL-----")
#: The library's messages may quote what they are about.
_UNREADABLE: Final = "what cannot be read as such"

_MARKER: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")


@dataclass(frozen=True, slots=True)
class Fault:
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class Doubt:
    expected: str
    got: str


Finding = Fault | Doubt


def certificates(pem: bytes) -> tuple[x509.Certificate, ...] | Fault:
    """All certificates of a text, at least one."""
    expected = "certificates in PEM"
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        return Fault(expected, _kinds(pem))
    try:
        found = tuple(x509.load_pem_x509_certificates(pem))
        for each in found:  # parts are read when they are asked for
            _ = each.extensions, each.subject, each.issuer, each.signature_hash_algorithm, each.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        return Fault(expected, _UNREADABLE)
    return found if len(found) <= MAX_ITEMS else Fault(f"at most {MAX_ITEMS} certificates", f"{len(found)}")


def check_key_pair(chain: bytes, key: bytes) -> tuple[list[Finding], list[Finding]]:
    """What is wrong with a server's chain of certificates, and with its key."""
    of_chain, of_key = list[Finding](), list[Finding]()
    read_chain, read_key = certificates(chain), _private_key(key)
    if isinstance(read_key, Fault):
        of_key.append(read_key)
    if isinstance(read_chain, Fault):
        return [read_chain], of_key
    leaf = read_chain[0]
    of_chain += [*_strength(leaf), *validity(read_chain), *_order(read_chain)]
    if not isinstance(read_key, Fault) and _public(read_key.public_key()) != _public(leaf.public_key()):
        expected = f"the private key of the first certificate ({named(leaf)})"
        others = [each for each in read_chain if _public(each.public_key()) == _public(read_key.public_key())]
        of_key.append(Fault(expected, f"that of {named(others[0])}" if others else "another key"))
    return of_chain, of_key


def check_authorities(pem: bytes) -> list[Finding]:
    """What is wrong with certificates of authorities."""
    found = certificates(pem)
    if isinstance(found, Fault):
        return [found]
    findings = list[Finding](validity(found))
    for each in found:
        try:
            is_authority = each.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            is_authority = each.version is x509.Version.v1
        if not is_authority:
            # It still may be trusted by itself, as a self-signed client certificate is.
            findings.append(Doubt("certificates of authorities (CA:TRUE)", f"{named(each)}, which is none"))
    return findings


def check_revocation_lists(pem: bytes) -> list[Finding]:
    """What is wrong with certificate revocation lists."""
    expected = "certificate revocation lists in PEM"
    texts = _CRL.findall(pem)
    if not texts:
        return [Fault(expected, _kinds(pem))]
    if len(texts) > MAX_ITEMS:
        return [Fault(f"at most {MAX_ITEMS} lists", f"{len(texts)}")]
    findings, now = list[Finding](), datetime.now(UTC)
    for text in texts:
        try:
            crl = x509.load_pem_x509_crl(text)
            issuer, until = crl.issuer.rfc4514_string(), crl.next_update_utc
        except (ValueError, UnsupportedAlgorithm):
            return [Fault(expected, _UNREADABLE)]
        if until is not None and until < now:
            got = f"that of {issuer[:80]}, outdated since {_date(until)}: all its certificates are refused"
            findings.append(Doubt("a current revocation list", got))
    return findings


def validity(found: tuple[x509.Certificate, ...]) -> Iterator[Doubt]:
    """Certificates that are not valid at this moment."""
    now = datetime.now(UTC)
    for each in found:
        if each.not_valid_after_utc < now:
            yield Doubt(
                "a certificate that is valid",
                f"{named(each)}, expired on {_date(each.not_valid_after_utc)}",
            )
        elif each.not_valid_before_utc > now:
            yield Doubt(
                "a certificate that is valid",
                f"{named(each)}, valid from {_date(each.not_valid_before_utc)}",
            )


def named(certificate: x509.Certificate) -> str:
    return f'"{certificate.subject.rfc4514_string()[:80]}"'


_PrivateKey = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)


def _private_key(pem: bytes) -> _PrivateKey | Fault:
    expected = "a private key in PEM without passphrase"
    if b"PRIVATE KEY-----" not in pem:
        return Fault(expected, _kinds(pem))
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        return Fault(expected, "an encrypted one")
    except (ValueError, UnsupportedAlgorithm):
        return Fault(expected, _UNREADABLE)
    match key:
        case (
            rsa.RSAPrivateKey()
            | ec.EllipticCurvePrivateKey()
            | ed25519.Ed25519PrivateKey()
            | ed448.Ed448PrivateKey()
        ):
            return key
        case _:
            return Fault("a key for RSA, ECDSA or EdDSA", "one of another kind")


def _strength(leaf: x509.Certificate) -> Iterator[Finding]:
    match leaf.public_key():
        case rsa.RSAPublicKey(key_size=bits) if bits < MIN_RSA_BITS:
            yield Fault(f"an RSA key of at least {MIN_RSA_BITS} bits", f"{bits} in {named(leaf)}")
        case ec.EllipticCurvePublicKey(key_size=bits) if bits < MIN_EC_BITS:
            yield Fault(f"an elliptic curve of at least {MIN_EC_BITS} bits", f"{bits} in {named(leaf)}")
    self_signed = leaf.issuer == leaf.subject
    if isinstance(leaf.signature_hash_algorithm, _BROKEN_HASHES) and not self_signed:
        got = f"{leaf.signature_hash_algorithm.name.upper()} in {named(leaf)}"
        yield Fault("a signature with SHA-256 or better", got)


def _order(chain: tuple[x509.Certificate, ...]) -> Iterator[Doubt]:
    """RFC 8446 section 4.4.2: each certificate certifies the one before it."""
    for before, after in pairwise(chain):
        if before.issuer != after.subject:
            expected = f"the certificate of the issuer after {named(before)}"
            yield Doubt(expected, f"{named(after)}; some clients will not find the authority")
            return


def _public(key: object) -> bytes:
    """Equal keys give equal bytes."""
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined] # all public keys have it
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _kinds(pem: bytes) -> str:
    """What a text that lacks the expected holds instead, by the names in its markers."""
    if not pem.strip():
        return "nothing"
    found = sorted({name.decode() for name in _MARKER.findall(pem)})
    return f"{', '.join(found[:3])} only" if found else "text without any"


def _date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
