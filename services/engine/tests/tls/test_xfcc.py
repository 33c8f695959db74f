from __future__ import annotations

import hashlib

import pytest
from certificates import authority, self_signed
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.tls import Xfcc
from microgateway_engine.http.messages import Headers
from microgateway_engine.tls.identity import Identity
from microgateway_engine.tls.session import TlsSession
from microgateway_engine.tls.xfcc import NAME, element, forwarded, is_well_formed

SERVER = self_signed("gateway", "spiffe://shop/gateway")
CLIENT = authority().leaf("client", "spiffe://shop/client", "client.example")
HASH = hashlib.sha256(CLIENT.der).hexdigest()
OWN = (
    f'By=spiffe://shop/gateway;Hash={HASH};Subject="CN=client";URI=spiffe://shop/client;DNS=client.example'
).encode()
RECEIVED = b'By=a;Hash=b;Subject="CN=c"'


def session(client: Identity | None) -> TlsSession:
    return TlsSession(
        "TLSv1.3", "TLS_AES_256_GCM_SHA384", "", "", False, client, Identity(SERVER.certificate)
    )


WITH = session(Identity(CLIENT.certificate))
WITHOUT = session(None)


def headers(*values: bytes) -> Headers:
    return [(b"host", b"shop"), *((NAME, value) for value in values)]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Xfcc.SANITIZE, None),
        (Xfcc.FORWARD_ONLY, RECEIVED),
        (Xfcc.APPEND_AND_FORWARD, RECEIVED + b"," + OWN),
        (Xfcc.SANITIZE_AND_SET, OWN),
        (Xfcc.ALWAYS_FORWARD_ONLY, RECEIVED),
    ],
)
def test_each_mode_with_a_client_certificate(mode: Xfcc, expected: bytes | None) -> None:
    assert forwarded(mode, headers(RECEIVED), WITH) == expected


@pytest.mark.parametrize("mode", Xfcc)
@pytest.mark.parametrize("connection", [None, WITHOUT])
def test_without_a_client_certificate_nothing_is_believed_but_when_always(
    mode: Xfcc, connection: TlsSession | None
) -> None:
    expected = RECEIVED if mode is Xfcc.ALWAYS_FORWARD_ONLY else None
    assert forwarded(mode, headers(RECEIVED), connection) == expected


def test_what_did_not_come_is_not_forwarded() -> None:
    assert forwarded(Xfcc.FORWARD_ONLY, headers(), WITH) is None
    assert forwarded(Xfcc.APPEND_AND_FORWARD, headers(), WITH) == OWN


def test_several_headers_are_one_list() -> None:
    assert forwarded(Xfcc.FORWARD_ONLY, headers(b"Hash=a", b"Hash=b"), WITH) == b"Hash=a,Hash=b"


@pytest.mark.parametrize("open_quote", [b'Subject="CN=c', b'Subject="CN=c\\"', b'"\\'])
def test_nothing_is_appended_to_what_would_swallow_it(open_quote: bytes) -> None:
    assert forwarded(Xfcc.APPEND_AND_FORWARD, headers(open_quote), WITH) == OWN


def test_a_certificate_cannot_claim_to_be_two() -> None:
    evil = self_signed('c",Hash=00;Subject="CN=admin', "spiffe://x,Hash=00;Subject=admin")
    text = element(Identity(SERVER.certificate), Identity(evil.certificate))
    assert is_well_formed(text)
    assert len(split(text)) == 1
    assert 'URI="spiffe://x,Hash=00;Subject=admin"' in text.decode()


@given(st.text(min_size=1, max_size=20, alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FF)))
def test_whatever_a_subject_is_it_stays_in_its_quotes(common_name: str) -> None:
    client = self_signed(common_name)
    assert len(split(element(Identity(SERVER.certificate), Identity(client.certificate)))) == 1


def split(value: bytes) -> list[bytes]:
    """Elements, as a reader of quoted strings finds them."""
    parts, quoted, escaped = [b""], False, False
    for byte in (bytes([each]) for each in value):
        if byte == b"," and not quoted:
            parts.append(b"")
            continue
        if escaped:
            escaped = False
        elif byte == b"\\":
            escaped = True
        elif byte == b'"':
            quoted = not quoted
        parts[-1] += byte
    return parts
