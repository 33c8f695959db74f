from __future__ import annotations

import hashlib

import pytest
from certificates import Certified, authority, self_signed
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.matching import Contains, Exact, Prefix, Regex, StringMatch, Suffix
from microgateway_common.ir.tls import AllowedSan, Pins, SanType
from microgateway_engine.tls.identity import Accepted, ClientCheck, Identity, NotAccepted

NO_PINS = Pins((), ())
CLIENT = authority().leaf(
    "client", "api.example.com", "*.shop.example", "ops@example.com", "spiffe://shop/ns/web", "2001:DB8::1"
)
PUBLIC_KEY = hashlib.sha256(
    CLIENT.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
).digest()


def checked(client: Certified, *sans: AllowedSan, pins: Pins = NO_PINS) -> str:
    match ClientCheck.these(sans, pins).check(client.der):
        case Accepted(identity):
            assert identity is not None
            return "accepted"
        case NotAccepted(cause):
            return cause


@pytest.mark.parametrize(
    ("kind", "match", "fits"),
    [
        (SanType.DNS, Exact("api.example.com", False), True),
        (SanType.DNS, Exact("API.Example.com", False), True),
        (SanType.DNS, Exact("www.shop.example", False), True),
        (SanType.DNS, Exact("a.b.shop.example", False), False),
        (SanType.DNS, Exact("shop.example", False), False),
        (SanType.DNS, Suffix(".example.com", False), True),
        (SanType.DNS, Prefix("ops", False), False),
        (SanType.EMAIL, Exact("ops@example.com", False), True),
        (SanType.EMAIL, Exact("api.example.com", False), False),
        (SanType.URI, Prefix("spiffe://shop/", False), True),
        (SanType.URI, Regex("spiffe://[a-z]+/ns/web", False), True),
        (SanType.URI, Contains("/NS/", True), True),
        (SanType.IP_ADDRESS, Exact("2001:db8:0::1", False), True),
        (SanType.IP_ADDRESS, Exact("2001:db8::2", False), False),
    ],
)
def test_names_are_compared_by_type(kind: SanType, match: StringMatch, fits: bool) -> None:
    assert checked(CLIENT, AllowedSan(kind, match)) == ("accepted" if fits else "wrong_name")


def test_one_name_of_several_is_enough() -> None:
    wrong = AllowedSan(SanType.DNS, Exact("other.example", False))
    right = AllowedSan(SanType.EMAIL, Exact("ops@example.com", False))
    assert checked(CLIENT, wrong, right) == "accepted"
    assert checked(self_signed("nameless"), wrong, right) == "wrong_name"


def test_a_pinned_certificate_or_key_is_accepted_and_no_other() -> None:
    digest = hashlib.sha256(CLIENT.der).digest()
    assert checked(CLIENT, pins=Pins((digest,), ())) == "accepted"
    assert checked(CLIENT, pins=Pins((), (PUBLIC_KEY,))) == "accepted"
    assert checked(CLIENT, pins=Pins((PUBLIC_KEY,), (digest,))) == "not_pinned"
    assert checked(self_signed("client"), pins=Pins((digest,), (PUBLIC_KEY,))) == "not_pinned"


def test_names_and_pins_must_both_hold() -> None:
    pins = Pins((hashlib.sha256(CLIENT.der).digest(),), ())
    assert checked(CLIENT, AllowedSan(SanType.DNS, Exact("other", False)), pins=pins) == "wrong_name"


def test_nobody_is_asked_and_anybody_may_have_none() -> None:
    assert ClientCheck.nobody().check(CLIENT.der) == Accepted(None)
    assert ClientCheck.anybody().check(None) == Accepted(None)
    match ClientCheck.these((), NO_PINS).check(None):
        case NotAccepted(cause):
            assert cause == "no_certificate"
        case _:
            pytest.fail("accepted")


@given(st.binary(min_size=1, max_size=200))
def test_whatever_comes_is_accepted_or_not(der: bytes) -> None:
    assert isinstance(ClientCheck.these((), NO_PINS).check(der), NotAccepted)


def test_an_identity_is_read_as_tools_write_it() -> None:
    identity = Identity.from_der(CLIENT.der)
    assert identity.subject == "CN=client"
    assert identity.issuer == "CN=Test CA"
    assert identity.sha256.hex() == hashlib.sha256(CLIENT.der).hexdigest()
    assert identity.serial == f"{CLIENT.certificate.serial_number:x}"
    assert identity.sans(SanType.IP_ADDRESS) == ("2001:db8::1",)
    assert identity.pem.startswith("-----BEGIN%20CERTIFICATE-----%0A")
