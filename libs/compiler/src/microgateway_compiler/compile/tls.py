"""CRD `downstream.tls` and `upstream.tls` → ir.tls.

What a Secret holds is checked here, so that an engine that gets a configuration can use it. A gateway
with a broken or missing certificate is not published; it never falls back to cleartext.
"""

from __future__ import annotations

import base64
import binascii
import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, assert_never

from microgateway_common.ir.tls import (
    TLS_VERSIONS,
    AllowedSan,
    AnyChain,
    ChainTrust,
    Cleartext,
    ClientCertificate,
    ClientTls,
    CrlScope,
    IgnoredClientCertificate,
    Material,
    NoRevocation,
    OptionalClientCertificate,
    Pins,
    RequiredClientCertificate,
    Revocation,
    RevocationLists,
    SanType,
    ServerTls,
    TlsProtocol,
    TlsVersion,
)
from microgateway_common.problems import ObjectRef, Problem, Reason, Severity
from microgateway_common.resources import tls as crd
from microgateway_compiler.certificates import (
    Doubt,
    Finding,
    check_authorities,
    check_key_pair,
    check_revocation_lists,
)
from microgateway_compiler.objects import Secret

from .ciphers import CIPHERS, OLD_ONLY
from .matching import string_match

#: Entries of Secrets: of type kubernetes.io/tls, and as cert-manager names what it adds.
CHAIN: Final = "tls.crt"
KEY: Final = "tls.key"
AUTHORITIES: Final = "ca.crt"
REVOKED: Final = "ca.crl"

#: When the resource leaves them open.
OLDEST: Final = TlsVersion.TLS_1_2
NEWEST: Final = TlsVersion.TLS_1_3

_SHA256_BYTES: Final = 32

_Check = Callable[[bytes], list[Finding]]


@dataclass(slots=True)
class TlsCompiler:
    """For one gateway. secrets: its own, by name. materials: what its configuration refers to.
    problems: a dictionary for its order, since applications share Secrets."""

    gateway: ObjectRef
    secrets: Mapping[str, Secret]
    materials: dict[str, bytes] = field(default_factory=dict)
    problems: dict[Problem, None] = field(default_factory=dict)

    def downstream(self, path: str, tls: crd.DownstreamTls) -> Cleartext | ServerTls:
        """path: of the field `tls`."""
        if not tls.enable:
            return Cleartext()
        protocol = self._protocol(path, tls.protocol, tls.ciphers)
        chain, key = self._certificate(path, tls)
        return ServerTls(chain, key, protocol, self._client_certificate(path, tls.client_certificate))

    def upstream(self, path: str, tls: crd.UpstreamTls) -> Cleartext | ClientTls:
        """path: of the field `tls`."""
        return ClientTls(self._protocol(path, tls.protocol, tls.ciphers)) if tls.enable else Cleartext()

    # Versions and cipher suites

    def _protocol(self, path: str, versions: crd.TlsVersions, ciphers: tuple[str, ...]) -> TlsProtocol:
        newest = TlsVersion(versions.maximum) if versions.maximum is not None else NEWEST
        oldest = TlsVersion(versions.minimum) if versions.minimum is not None else min(OLDEST, newest)
        if oldest > newest:
            self._fault(f"{path}.protocol.minimum", f"a version up to the maximum, {newest}", oldest)
        if oldest < OLDEST:
            self._doubt(f"{path}.protocol", f"{OLDEST} or newer (RFC 8996)", oldest)
        names = tuple(self._ciphers(f"{path}.ciphers", ciphers))
        if names and newest < TlsVersion.TLS_1_2 and not OLD_ONLY.intersection(names):
            self._fault(f"{path}.ciphers", f"a cipher suite of {newest}", "none")
        if names and oldest is TlsVersion.TLS_1_3:
            self._doubt(f"{path}.ciphers", "none with TLS 1.3 alone", "some, which have no effect")
        return TlsProtocol(oldest, newest, names)

    def _ciphers(self, path: str, ciphers: tuple[str, ...]) -> Iterator[str]:
        for position, text in enumerate(ciphers):
            # `[A|B]` is a group of equal preference with BoringSSL; OpenSSL has none, so they follow
            # one another.
            for name in text.removeprefix("[").removesuffix("]").split("|"):
                if name in CIPHERS:
                    yield name
                elif name.startswith("TLS_"):
                    self._fault(f"{path}[{position}]", "a cipher suite of TLS 1.2 or older (those of TLS 1.3 "
                                "cannot be chosen) in OpenSSL's names", name[:60])  # fmt: skip
                else:
                    near = difflib.get_close_matches(name, CIPHERS, n=1)
                    hint = f" (did you mean {near[0]}?)" if near else ""
                    self._fault(f"{path}[{position}]", "a cipher suite that encrypts and authenticates, in "
                                f"OpenSSL's names{hint}", name[:60])  # fmt: skip

    # The gateway's certificate

    def _certificate(self, path: str, tls: crd.DownstreamTls) -> tuple[Material, Material]:
        if tls.secret_ref is None:
            self._fault(f"{path}.secretRef", "a Secret with the certificate, since TLS is enabled", "nothing")
            return Material(""), Material("")
        name = tls.secret_ref.name
        chain, key = self._material(name, CHAIN), self._material(name, KEY)
        if chain and key and not self.secrets[name].withheld:
            of_chain, of_key = check_key_pair(self.materials[chain], self.materials[key])
            self._report(name, CHAIN, of_chain)
            self._report(name, KEY, of_key)
        return chain, key

    # Certificates of clients

    def _client_certificate(self, path: str, client: crd.ClientCertificate) -> ClientCertificate:
        match client:
            case crd.IgnoredClientCertificate():
                return IgnoredClientCertificate()
            case crd.OptionalClientCertificate():
                return OptionalClientCertificate(
                    self._chain_trust(client.trusted_ca),
                    self._revocation(f"{path}.clientCertificate.optional.crl", client.crl),
                )
            case crd.RequiredClientCertificate():
                return self._required(f"{path}.clientCertificate.required", client)
            case _:
                assert_never(client)

    def _required(self, path: str, client: crd.RequiredClientCertificate) -> RequiredClientCertificate:
        pins = self._pins(f"{path}.certificatePinning", client.certificate_pinning)
        revocation = self._revocation(f"{path}.crl", client.crl)
        trust: ChainTrust | AnyChain
        if client.trusted_ca is not None:
            trust = self._chain_trust(client.trusted_ca)
        else:
            trust = AnyChain()
            # Names and revocation say something only when somebody trustworthy has said it.
            if client.certificate_pinning is None:
                self._fault(path, "trustedCA, certificatePinning or both", "neither")
            if client.allowed_sans:
                self._fault(f"{path}.allowedSANs", "trustedCA beside it", "none")
            if client.crl is not None:
                self._fault(f"{path}.crl", "trustedCA beside it", "none")
        sans = tuple(AllowedSan(SanType(each.san_type), string_match(each)) for each in client.allowed_sans)
        return RequiredClientCertificate(trust, revocation, sans, pins)

    def _chain_trust(self, trusted: crd.TrustedCA) -> ChainTrust:
        names = [source.secret_ref.name for source in trusted.certificates]
        return ChainTrust(
            tuple(self._checked(name, AUTHORITIES, check_authorities) for name in names),
            trusted.verification_depth,
        )

    def _revocation(self, path: str, crl: crd.RevocationLists | None) -> Revocation:
        if crl is None:
            return NoRevocation()
        if not crl.lists:
            self._fault(f"{path}.lists", "at least one Secret with revocation lists", "none")
        leaf_only = crl.validation_mode is crd.CrlValidation.VERIFY_LEAF_CERT_ONLY
        return RevocationLists(
            tuple(
                self._checked(source.secret_ref.name, REVOKED, check_revocation_lists) for source in crl.lists
            ),
            CrlScope.LEAF if leaf_only else CrlScope.CHAIN,
        )

    def _pins(self, path: str, pinning: crd.CertificatePinning | None) -> Pins:
        if pinning is None:
            return Pins((), ())
        if not pinning.allowed_hashes and not pinning.allowed_spkis:
            self._fault(path, "allowedHashes, allowedSPKIs or both", "neither")
        return Pins(
            tuple(self._hashes(f"{path}.allowedHashes", pinning.allowed_hashes)),
            tuple(self._public_keys(f"{path}.allowedSPKIs", pinning.allowed_spkis)),
        )

    def _hashes(self, path: str, texts: tuple[str, ...]) -> Iterator[bytes]:
        """As `openssl x509 -fingerprint -sha256` writes them, with or without colons."""
        for position, text in enumerate(texts):
            digits = text.replace(":", "")
            try:
                digest = bytes.fromhex(digits) if digits.isalnum() else b""
            except ValueError:
                digest = b""
            if len(digest) == _SHA256_BYTES:
                yield digest
            else:
                self._fault(f"{path}[{position}]", "a SHA-256 fingerprint in hexadecimal digits", text[:80])

    def _public_keys(self, path: str, texts: tuple[str, ...]) -> Iterator[bytes]:
        """As in RFC 7469 section 2.4."""
        for position, text in enumerate(texts):
            try:
                digest = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                digest = b""
            if len(digest) == _SHA256_BYTES:
                yield digest
            else:
                self._fault(f"{path}[{position}]", "a SHA-256 digest in Base64", text[:80])

    # Materials

    def _checked(self, name: str, entry: str, check: _Check) -> Material:
        material = self._material(name, entry)
        if material and not self.secrets[name].withheld:
            self._report(name, entry, check(self.materials[material]))
        return material

    def _material(self, name: str, entry: str) -> Material:
        """An entry of a Secret, now among the materials; empty when there is none, and that was said."""
        secret = self.secrets.get(name)
        if secret is None:
            return Material("")  # resolving has said so
        if entry not in secret.data:
            keys = ", ".join(sorted(secret.data)[:5]) or "none"
            self._problem(secret.ref, "data", f"an entry {entry}", f"entries: {keys}")
            return Material("")
        material = Material(f"{secret.ref.namespace}/{secret.ref.name}:{entry}")
        self.materials[material] = secret.data[entry]
        return material

    # Problems

    def _report(self, name: str, entry: str, findings: list[Finding]) -> None:
        for each in findings:
            severity = Severity.WARNING if isinstance(each, Doubt) else Severity.ERROR
            self._problem(self.secrets[name].ref, f"data[{entry}]", each.expected, each.got, severity)

    def _fault(self, path: str, expected: str, got: str) -> None:
        self._problem(self.gateway, path, expected, got)

    def _doubt(self, path: str, expected: str, got: str) -> None:
        self._problem(self.gateway, path, expected, got, Severity.WARNING)

    def _problem(
        self, subject: ObjectRef, path: str, expected: str, got: str, severity: Severity = Severity.ERROR
    ) -> None:
        self.problems[Problem(subject, path, expected, got, Reason.INVALID_FIELD, severity)] = None


assert tuple(sorted(TLS_VERSIONS)) == TLS_VERSIONS, "versions compare as text"
