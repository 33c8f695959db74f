"""At each moment what is shown is trusted: checked with OpenSSL, through all states."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from microgateway_webhook.certificates.authority import dns_names
from microgateway_webhook.certificates.life import (
    Introducing,
    Policy,
    Retiring,
    Settled,
    State,
    advance,
    bundle,
    first,
)
from microgateway_webhook.certificates.storage import StorageError, decode, encode

NAME = "microgateway-webhook.microgateway-system.svc"
POLICY = Policy((NAME,), timedelta(days=90), timedelta(days=10), timedelta(days=1))
START = datetime(2026, 1, 1, tzinfo=UTC)


def verify(serving: bytes, trusted: bytes, now: datetime) -> None:
    """As a TLS client does (RFC 5280, RFC 6125). Raises VerificationError."""
    store = Store(x509.load_pem_x509_certificates(trusted))
    verifier = PolicyBuilder().store(store).time(now).build_server_verifier(x509.DNSName(NAME))
    verifier.verify(x509.load_pem_x509_certificate(serving), [])


def test_a_year_with_a_look_each_eight_hours() -> None:
    """API servers know the bundle of the look before, replicas show what they saw in the look before."""
    state: State = first(POLICY, START)
    history: list[State] = [state]
    now = START
    while now < START + timedelta(days=365):
        now += timedelta(hours=8)
        following = advance(state, POLICY, now, is_trusted=True)
        verify(following.serving.certificate, bundle(following), now)
        verify(following.serving.certificate, bundle(state), now)
        verify(state.serving.certificate, bundle(following), now)
        assert decode(encode(following)) == following
        if following is not state:
            history.append(following)
        state = following

    kinds = [type(each) for each in history if not isinstance(each, Settled)]
    assert kinds[:4] == [Introducing, Retiring, Introducing, Retiring]
    assert len({each.authority.certificate for each in history}) > 4
    assert all(
        former.serving != latter.serving or type(former) is not type(latter)
        for former, latter in pairwise(history)
    )


def test_the_successor_waits_until_it_is_trusted() -> None:
    state = advance(first(POLICY, START), POLICY, START + timedelta(days=60), is_trusted=True)
    assert isinstance(state, Introducing)

    later = START + timedelta(days=62)
    assert isinstance(advance(state, POLICY, later, is_trusted=False), Introducing)
    assert isinstance(advance(state, POLICY, later, is_trusted=True), Retiring)


def test_after_a_long_sleep_everything_is_new() -> None:
    state = first(POLICY, START)
    now = START + timedelta(days=400)

    woken = advance(state, POLICY, now, is_trusted=False)

    assert isinstance(woken, Settled)
    assert woken.authority != state.authority
    verify(woken.serving.certificate, bundle(woken), now)


def test_another_service_name_gets_another_certificate() -> None:
    state = first(POLICY, START)
    renamed = advance(state, Policy(("other.svc",)), START, is_trusted=True)
    assert dns_names(renamed.serving.certificate) == ("other.svc",)
    assert renamed.authority == state.authority
    assert advance(state, POLICY, START, is_trusted=True) is state


@pytest.mark.parametrize("key", ["state", "ca.crt", "ca.key", "tls.crt", "tls.key"])
def test_a_damaged_secret_is_noticed(key: str) -> None:
    data = encode(first(POLICY, START))
    for damaged in (b"", b"nonsense", data["ca.key" if key == "tls.key" else "tls.key"]):
        with pytest.raises(StorageError):
            decode({**data, key: damaged})
    del data[key]
    with pytest.raises(StorageError, match=f"expected the key {key}, got none"):
        decode(data)


def test_keys_stay_out_of_representations() -> None:
    assert "PRIVATE" not in repr(first(POLICY, START))


def test_openssl_reads_the_bundle() -> None:
    state = advance(first(POLICY, START), POLICY, START + timedelta(days=60), is_trusted=True)
    context = ssl.create_default_context(cadata=bundle(state).decode())
    assert len(context.get_ca_certs()) == 2
