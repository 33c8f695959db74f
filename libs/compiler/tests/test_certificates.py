from __future__ import annotations

from datetime import timedelta

import pytest
from certificates import DAY, authority, pem, rsa_key, self_signed
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from hypothesis import given
from hypothesis import strategies as st

from microgateway_compiler.certificates import (
    Doubt,
    Fault,
    Finding,
    certificates,
    check_authorities,
    check_key_pair,
    check_revocation_lists,
)

CA = authority()
SERVER = CA.leaf("shop.example", "shop.example")
OTHER = CA.leaf("other.example")


def shown(findings: list[Finding]) -> list[str]:
    return [f"{type(each).__name__} {each.expected} | {each.got}" for each in findings]


def pair(chain: bytes, key: bytes) -> list[str]:
    of_chain, of_key = check_key_pair(chain, key)
    return shown(of_chain) + shown(of_key)


def test_a_good_pair_has_no_findings() -> None:
    branch = CA.intermediate("Branch")
    assert pair(SERVER.pem, SERVER.key_pem) == []
    assert pair(SERVER.pem + pem(CA.certificate), SERVER.key_pem) == []
    leaf = branch.leaf("shop.example", key=rsa_key())
    assert pair(leaf.pem, leaf.key_pem) == []


@pytest.mark.parametrize(
    ("chain", "got"),
    [
        (b"", "nothing"),
        (b"hello", "text without any"),
        (SERVER.key_pem, "PRIVATE KEY only"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "what cannot be read as such"),
    ],
)
def test_what_is_no_certificate_is_called_by_its_name(chain: bytes, got: str) -> None:
    assert pair(chain, SERVER.key_pem) == [f"Fault certificates in PEM | {got}"]


def test_the_key_must_be_that_of_the_first_certificate() -> None:
    expected = 'Fault the private key of the first certificate ("CN=shop.example")'
    assert pair(SERVER.pem, OTHER.key_pem) == [f"{expected} | another key"]
    assert pair(SERVER.pem + pem(CA.certificate), CA.key_pem) == [f'{expected} | that of "CN=Test CA"']


def test_keys_that_cannot_be_used_are_faults() -> None:
    encrypted = SERVER.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    expected = "Fault a private key in PEM without passphrase"
    assert pair(SERVER.pem, encrypted) == [f"{expected} | an encrypted one"]
    assert pair(SERVER.pem, b"") == [f"{expected} | nothing"]
    assert pair(SERVER.pem, SERVER.pem) == [f"{expected} | CERTIFICATE only"]
    old = dsa.generate_private_key(1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert pair(SERVER.pem, old) == ["Fault a key for RSA, ECDSA or EdDSA | one of another kind"]


def test_weak_keys_are_faults() -> None:
    weak = CA.leaf("weak", key=rsa_key(1024))
    assert pair(weak.pem, weak.key_pem) == ['Fault an RSA key of at least 2048 bits | 1024 in "CN=weak"']
    small = CA.leaf("small", key=ec.generate_private_key(ec.SECP192R1()))
    assert pair(small.pem, small.key_pem) == [
        'Fault an elliptic curve of at least 224 bits | 192 in "CN=small"'
    ]


def test_what_clients_may_refuse_is_a_doubt() -> None:
    expired = CA.leaf("old", begins=-2 * DAY, ends=-DAY)
    early = CA.leaf("new", begins=DAY)
    for leaf, got in ((expired, "expired on"), (early, "valid from")):
        [finding], _ = check_key_pair(leaf.pem, leaf.key_pem)
        assert isinstance(finding, Doubt)
        assert got in finding.got
    [finding], _ = check_key_pair(SERVER.pem + OTHER.pem, SERVER.key_pem)
    assert isinstance(finding, Doubt)
    assert finding.got.startswith('"CN=other.example"; ')


def test_authorities_are_authorities() -> None:
    assert check_authorities(pem(CA.certificate) + pem(authority("Other").certificate)) == []
    [finding] = check_authorities(self_signed("client").pem)
    assert isinstance(finding, Doubt)
    assert isinstance(check_authorities(SERVER.key_pem)[0], Fault)


def test_revocation_lists_are_read_and_outdated_ones_doubted() -> None:
    assert check_revocation_lists(CA.revoke(SERVER) + authority("Other").revoke()) == []
    [finding] = check_revocation_lists(CA.revoke(ends=timedelta(hours=-1)))
    assert isinstance(finding, Doubt)
    assert "outdated since" in finding.got
    assert shown(check_revocation_lists(SERVER.pem)) == [
        "Fault certificate revocation lists in PEM | CERTIFICATE only"
    ]
    broken = b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
    assert isinstance(check_revocation_lists(broken)[0], Fault)


@given(st.binary(max_size=300), st.sampled_from(["CERTIFICATE", "X509 CRL", "PRIVATE KEY", ""]))
def test_whatever_comes_nothing_of_it_is_shown(content: bytes, marker: str) -> None:
    text = b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (marker.encode(), content, marker.encode())
    findings = [*check_authorities(text), *check_revocation_lists(text), *check_key_pair(text, text)[1]]
    assert all(isinstance(each, Fault) for each in findings)
    assert isinstance(certificates(text), Fault)
    if len(content) > 20:
        assert not any(content.decode("latin-1") in each.got for each in findings)
