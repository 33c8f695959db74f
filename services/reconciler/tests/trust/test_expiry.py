from __future__ import annotations

from certificates import authority, pem

from microgateway_reconciler.trust.expiry import authority_ends

FIRST = authority()


def test_the_first_to_end_counts() -> None:
    leaf = FIRST.leaf("redis", "redis")
    ends = [each.not_valid_after_utc.timestamp() for each in (FIRST.certificate, leaf.certificate)]
    assert authority_ends((pem(FIRST.certificate) + leaf.pem).decode()) == min(ends)


def test_what_is_no_certificate_never_ends() -> None:
    assert authority_ends("") == 0
    assert authority_ends("-----BEGIN CERTIFICATE-----") == 0
