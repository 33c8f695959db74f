"""What the settings do shows test_context; here, that they reach the right context and nothing else."""

from __future__ import annotations

import ssl
import sys

import pytest

from microgateway_engine.tls.openssl import limit_depth, require_any_certificate


@pytest.mark.parametrize("protocol", [ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT])
def test_every_kind_of_context_is_reached(protocol: int) -> None:
    context = ssl.SSLContext(protocol)
    before = context.options, context.verify_flags, context.minimum_version
    limit_depth(context, 3)
    assert (context.options, context.verify_flags, context.minimum_version) == before


def test_requiring_a_certificate_shows_in_the_context() -> None:
    context, other = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    require_any_certificate(context)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert other.verify_mode is ssl.CERT_NONE


def test_another_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    with pytest.raises(ValueError, match="expected CPython"):
        limit_depth(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), 1)
