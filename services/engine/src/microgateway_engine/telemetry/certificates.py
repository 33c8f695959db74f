"""When what TLS relies on ends: certificates and revocation lists of a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from cryptography import x509
from msgspec import Struct

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.tls import (
    AnyChain,
    ChainTrust,
    ClientCertificate,
    IgnoredClientCertificate,
    Material,
    NoRevocation,
    OptionalClientCertificate,
    RequiredClientCertificate,
    RevocationLists,
    ServerTls,
)

#: Values of the label `use`.
SERVER, CLIENT_AUTHORITY, REVOCATION_LIST, REDIS_AUTHORITY = (
    "server",
    "client-authority",
    "revocation-list",
    "redis-authority",
)


class Expiry(Struct, frozen=True, order=True):
    """certificate: name of the material; of several in one, the first to end. ends: seconds since 1970."""

    use: str
    certificate: str
    ends: float


def expiries(config: GatewayConfig) -> tuple[Expiry, ...]:
    """Of all applications, each material once. What cannot be read ends never: whoever uses it complains."""
    found = {
        Expiry(use, material, ends)
        for application in config.applications
        if isinstance(application.downstream.tls, ServerTls)
        for use, material in _materials(application.downstream.tls)
        if (ends := _ends(use, config.secrets.get(material, b""))) is not None
    }
    return tuple(sorted(found))


def authority_expiry(pem: bytes) -> tuple[Expiry, ...]:
    """Of the authority that Redis' certificate must lead to; none for an empty text."""
    ends = _ends(REDIS_AUTHORITY, pem)
    return () if ends is None else (Expiry(REDIS_AUTHORITY, "bootstrap", ends),)


def _materials(tls: ServerTls) -> Iterator[tuple[str, Material]]:
    yield SERVER, tls.chain
    yield from _of_clients(tls.client_certificate)


def _of_clients(client: ClientCertificate) -> Iterator[tuple[str, Material]]:
    match client:
        case IgnoredClientCertificate():
            return
        case OptionalClientCertificate(trust, revocation) | RequiredClientCertificate(trust, revocation):
            match trust:
                case ChainTrust(authorities):
                    yield from ((CLIENT_AUTHORITY, name) for name in authorities)
                case AnyChain():
                    pass
                case _:
                    assert_never(trust)
            match revocation:
                case RevocationLists(lists):
                    yield from ((REVOCATION_LIST, name) for name in lists)
                case NoRevocation():
                    pass
                case _:
                    assert_never(revocation)
        case _:
            assert_never(client)


def _ends(use: str, pem: bytes) -> float | None:
    try:
        if use == REVOCATION_LIST:
            update = x509.load_pem_x509_crl(pem).next_update_utc
            return None if update is None else update.timestamp()
        return min(each.not_valid_after_utc.timestamp() for each in x509.load_pem_x509_certificates(pem))
    except ValueError:
        return None
