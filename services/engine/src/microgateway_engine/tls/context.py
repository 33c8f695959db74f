"""SSLContexts from the configuration. Building one may fail; using it cannot."""

from __future__ import annotations

import hashlib
import os
import ssl
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, assert_never

from cryptography import x509
from msgspec import Struct

from microgateway_common.ir.gateway import AutoProtocol, Http1Protocol, Http2Protocol, Protocol
from microgateway_common.ir.tls import (
    AnyChain,
    ChainTrust,
    ClientTls,
    CrlScope,
    IgnoredClientCertificate,
    Material,
    NoRevocation,
    OptionalClientCertificate,
    RequiredClientCertificate,
    Revocation,
    RevocationLists,
    ServerTls,
    TlsProtocol,
    TlsVersion,
)

from .identity import ClientCheck, Identity
from .openssl import limit_depth, never_resume, require_any_certificate

_VERSIONS: Final = {
    TlsVersion.TLS_1_0: ssl.TLSVersion.TLSv1,
    TlsVersion.TLS_1_1: ssl.TLSVersion.TLSv1_1,
    TlsVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3,
}

#: Suites for clients of before TLS 1.2, where the configuration names none; Python's own have no SHA-1.
_OLD_CIPHERS: Final = (
    "ECDHE+AESGCM",
    "ECDHE+CHACHA20",
    "ECDHE+AES",
    "DHE+AES",
    "RSA+AES",
    "!aNULL",
    "!eNULL",
)

H2: Final = "h2"
HTTP_1_1: Final = "http/1.1"

#: PEM by name, `GatewayConfig.secrets`.
Materials = Mapping[str, bytes]


class ServerSide(Struct, frozen=True):
    """A port whose clients speak TLS. identity: of our own certificate. admission: equal for two
    configurations that accept the same clients under the same conditions."""

    context: ssl.SSLContext
    check: ClientCheck
    identity: Identity
    admission: bytes


@dataclass(frozen=True, slots=True)
class ClientSide:
    """Of connections to an application that speaks TLS. Equal when the settings are: connections that were
    opened with one are as good for the other. http1: offers nothing but HTTP/1.1, which alone can become
    WebSocket."""

    context: ssl.SSLContext = field(compare=False)
    http1: ssl.SSLContext = field(compare=False)
    settings: ClientTls
    offered: tuple[str, ...]


def server_side(tls: ServerTls, protocol: Protocol, materials: Materials) -> ServerSide:
    """Raises ValueError when the materials cannot be used; it quotes none of them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Clients may not ask for another handshake: it would change who they are, and costs them little.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    _speak(context, tls.protocol)
    context.set_alpn_protocols(application_protocols(protocol))
    context.sni_callback = _note_name
    chain = _material(materials, tls.chain)
    with (
        _file(chain) as chain_file,
        _file(_material(materials, tls.key)) as key_file,
        _explained(f"certificate {tls.chain} with its key"),
    ):
        context.load_cert_chain(chain_file, key_file, password=_no_passphrase)
    with _explained(f"certificate {tls.chain}"):
        identity = Identity(x509.load_pem_x509_certificates(chain)[0])
    return ServerSide(context, _client_check(context, tls, materials), identity, _admission(tls, materials))


def requested_name(connection: ssl.SSLObject) -> str:
    """The server name a client has asked for, empty when it did not."""
    name: str | None = getattr(connection, "requested_name", None)
    return name or ""


def _note_name(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
    # Python tells a server the name only here, and only once.
    connection.requested_name = name  # type: ignore[attr-defined]


def client_side(tls: ClientTls, protocol: Protocol) -> ClientSide:
    """For connections to the application, whose certificate is not verified: it is in our pod.

    Raises ValueError.
    """
    offered = application_protocols(protocol)
    return ClientSide(_client_context(tls, offered), _client_context(tls, [HTTP_1_1]), tls, tuple(offered))


def _client_context(tls: ClientTls, offered: list[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _speak(context, tls.protocol)
    context.set_alpn_protocols(offered)
    return context


def application_protocols(protocol: Protocol) -> list[str]:
    """What ALPN (RFC 7301) offers or takes, the preferred first."""
    match protocol:
        case AutoProtocol():
            return [H2, HTTP_1_1]
        case Http1Protocol():
            return [HTTP_1_1]
        case Http2Protocol():
            return [H2]
        case _:
            assert_never(protocol)


def _admission(tls: ServerTls, materials: Materials) -> bytes:
    """Without our own certificate, which is renewed often and admits nobody."""
    digest = hashlib.sha256(repr((tls.protocol, tls.client_certificate)).encode())
    match tls.client_certificate:
        case IgnoredClientCertificate():
            names: tuple[Material, ...] = ()
        case OptionalClientCertificate(trust, revocation) | RequiredClientCertificate(trust, revocation):
            names = (trust.authorities if isinstance(trust, ChainTrust) else ()) + (
                revocation.lists if isinstance(revocation, RevocationLists) else ()
            )
    for name in names:
        digest.update(hashlib.sha256(_material(materials, name)).digest())
    return digest.digest()


def _speak(context: ssl.SSLContext, protocol: TlsProtocol) -> None:
    old = protocol.minimum in (TlsVersion.TLS_1_0, TlsVersion.TLS_1_1)
    ciphers = protocol.ciphers or (_OLD_CIPHERS if old else ())
    with _explained("versions and cipher suites"):
        # Their handshakes are signed with SHA-1 and MD5, which only level 0 of OpenSSL 3 allows.
        level = "@SECLEVEL=0" if old else "@SECLEVEL=2"
        if ciphers:
            context.set_ciphers(":".join((*ciphers, level)))
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # the compiler warns
            context.minimum_version = _VERSIONS[protocol.minimum]
            context.maximum_version = _VERSIONS[protocol.maximum]


def _client_check(context: ssl.SSLContext, tls: ServerTls, materials: Materials) -> ClientCheck:
    client = tls.client_certificate
    match client:
        case IgnoredClientCertificate():
            return ClientCheck.nobody()
        case OptionalClientCertificate(trust, revocation):
            never_resume(context)  # OpenSSL would not look at the chain again
            _trust(context, trust, revocation, materials)
            context.verify_mode = ssl.CERT_OPTIONAL
            return ClientCheck.anybody()
        case RequiredClientCertificate(trust, revocation, allowed_sans, pins):
            never_resume(context)
            match trust:
                case ChainTrust():
                    _trust(context, trust, revocation, materials)
                    context.verify_mode = ssl.CERT_REQUIRED
                case AnyChain():
                    if not pins.certificates and not pins.public_keys:
                        raise ValueError(
                            "expected authorities or pinned certificates of clients, got neither"
                        )
                    if allowed_sans or not isinstance(revocation, NoRevocation):
                        raise ValueError("expected authorities for names and revocation lists, got none")
                    require_any_certificate(context)
                case _:
                    assert_never(trust)
            return ClientCheck.these(allowed_sans, pins)
        case _:
            assert_never(client)


def _trust(context: ssl.SSLContext, trust: ChainTrust, revocation: Revocation, materials: Materials) -> None:
    # An intermediate authority may be trusted by itself.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _load(context, "authorities of client certificates", trust.authorities, materials)
    limit_depth(context, trust.depth)
    match revocation:
        case NoRevocation():
            return
        case RevocationLists(lists, scope):
            _load(context, "revocation lists", lists, materials)
            context.verify_flags |= (
                ssl.VERIFY_CRL_CHECK_LEAF if scope is CrlScope.LEAF else ssl.VERIFY_CRL_CHECK_CHAIN
            )
        case _:
            assert_never(revocation)


def _load(context: ssl.SSLContext, what: str, names: tuple[Material, ...], materials: Materials) -> None:
    if not names:
        raise ValueError(f"expected {what}, got none")
    for name in names:
        with _file(_material(materials, name)) as file, _explained(f"{what} in {name}"):
            context.load_verify_locations(file)


def _material(materials: Materials, name: Material) -> bytes:
    material = materials.get(name)
    if not material:
        raise ValueError(f"expected secret {name!r}, got none")
    return material


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A path that OpenSSL can read; the file is in memory and has no name in any folder."""
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        reason = (error.reason or "unreadable").replace("_", " ").lower()
        raise ValueError(f"expected usable {what}, got: {reason}") from None
    except (ValueError, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(f"expected usable {what}, got: {type(error).__name__}") from None


def _no_passphrase() -> str:
    """OpenSSL would ask at the terminal."""
    raise ValueError("expected a key without passphrase, got an encrypted one")
