"""A TLS context whose certificate can be exchanged while it serves.

    accept ─► outer context ─ ClientHello ─► the inner context of this moment ─► handshake

Connections that exist keep what they were made with; their peers have checked it already.
"""

from __future__ import annotations

import os
import ssl

from .authority import KeyPair


class Tls:
    """context: for the server, for good. The certificate is needed before the first connection."""

    def __init__(self, pair: KeyPair) -> None:
        self._inner = _inner_context(pair)
        self.context = _bare_context()
        self.context.sni_callback = self._choose

    def use(self, pair: KeyPair) -> None:
        """Show this certificate from the next connection on. Raises ssl.SSLError for what is none."""
        self._inner = _inner_context(pair)

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        # Called for each ClientHello, also for one without a name.
        connection.context = self._inner


def _bare_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _inner_context(pair: KeyPair) -> ssl.SSLContext:
    context = _bare_context()
    # The library reads files only; this one is memory, so that the key stays off every disk.
    descriptor = os.memfd_create("microgateway-webhook-certificate")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(pair.key + b"\n" + pair.certificate)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return context
