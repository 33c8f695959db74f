"""Configurations with TLS, and handshakes in memory."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import engine_configurations as configurations
import msgspec
from certificates import Authority, Certified, pem

from microgateway_common.ir.gateway import AutoProtocol, GatewayConfig
from microgateway_common.ir.tls import (
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
    RevocationLists,
    ServerTls,
    TlsProtocol,
    TlsVersion,
    Xfcc,
)
from microgateway_engine.tls.context import ServerSide, server_side

CHAIN, KEY = Material("shop/tls:tls.crt"), Material("shop/tls:tls.key")
CA, CRL = Material("shop/ca:ca.crt"), Material("shop/ca:ca.crl")
MODERN = TlsProtocol(TlsVersion.TLS_1_2, TlsVersion.TLS_1_3, ())
NO_PINS = Pins((), ())
IGNORED = IgnoredClientCertificate()


def server_tls(client: ClientCertificate = IGNORED, protocol: TlsProtocol = MODERN) -> ServerTls:
    return ServerTls(CHAIN, KEY, protocol, client)


def optional(depth: int = 1) -> OptionalClientCertificate:
    return OptionalClientCertificate(ChainTrust((CA,), depth), NoRevocation())


def required(
    *,
    depth: int = 1,
    crl: CrlScope | None = None,
    pins: Pins = NO_PINS,
    any_chain: bool = False,
    sans: tuple[AllowedSan, ...] = (),
) -> RequiredClientCertificate:
    return RequiredClientCertificate(
        AnyChain() if any_chain else ChainTrust((CA,), depth),
        NoRevocation() if crl is None else RevocationLists((CRL,), crl),
        sans,
        pins,
    )


def materials(server: Certified, ca: Authority | None = None, crl: bytes = b"") -> dict[str, bytes]:
    found: dict[str, bytes] = {CHAIN: server.pem, KEY: server.key_pem}
    if ca is not None:
        found[CA] = pem(ca.certificate)
    if crl:
        found[CRL] = crl
    return found


def side(
    server: Certified,
    client: ClientCertificate = IGNORED,
    ca: Authority | None = None,
    crl: bytes = b"",
    protocol: TlsProtocol = MODERN,
) -> ServerSide:
    return server_side(
        server_tls(client, protocol), AutoProtocol(allow_connect=False), materials(server, ca, crl)
    )


def config(
    secrets: dict[str, bytes],
    tls: Cleartext | ServerTls = Cleartext(),  # noqa: B008 - frozen
    *,
    upstream: Cleartext | ClientTls = Cleartext(),  # noqa: B008
    xfcc: Xfcc = Xfcc.SANITIZE,
    idle_timeout: float = 300,
) -> GatewayConfig:
    """One application."""
    application = configurations.application(idle_timeout=idle_timeout)
    application = msgspec.structs.replace(
        application,
        downstream=msgspec.structs.replace(application.downstream, tls=tls, xfcc=xfcc),
        upstream=msgspec.structs.replace(application.upstream, tls=upstream),
    )
    return msgspec.structs.replace(configurations.gateway_config(application), secrets=secrets)


def client_context(trusted: Authority | None = None) -> ssl.SSLContext:
    """Trusts an authority, or whoever it meets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusted is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=pem(trusted.certificate).decode())
    return context


@dataclass(frozen=True)
class Shaken:
    """Both ends after a handshake."""

    server: ssl.SSLObject
    client: ssl.SSLObject


def shake_hands(
    server: ssl.SSLContext,
    client: ssl.SSLContext,
    name: str | None = "shop.example",
    session: ssl.SSLSession | None = None,
) -> Shaken:
    """session: of an earlier handshake. Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name, session=session)
    waiting = [theirs, ours]
    for _ in range(8):
        for each in list(waiting):
            try:
                each.do_handshake()
                waiting.remove(each)
            except ssl.SSLWantReadError:
                continue
    assert not waiting, "the handshake does not come to an end"
    return Shaken(ours, theirs)
