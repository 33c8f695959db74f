from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_netcheck.challenge import (
    AnsweredElsewhere,
    Finding,
    NotOnLoopback,
    NotRedirected,
    Ports,
    PortTaken,
    Redirected,
)
from microgateway_netcheck.families import Family
from microgateway_netcheck.verdict import ExitCode, failed, judge

PORTS = Ports(13378, 19003)
REFUSED = NotRedirected("127.0.0.1 port 19003: Connection refused")
FINDINGS = st.sampled_from([Redirected(), NotOnLoopback(), REFUSED, PortTaken(), AnsweredElsewhere()])


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "code"),
    [
        (Redirected(), Redirected(), 0),
        (Redirected(), NotOnLoopback(), 0),
        (NotOnLoopback(), Redirected(), 0),
        (REFUSED, REFUSED, 10),
        (REFUSED, Redirected(), 10),
        (Redirected(), REFUSED, 11),
        (NotOnLoopback(), REFUSED, 11),
        (PortTaken(), Redirected(), 12),
        (REFUSED, PortTaken(), 12),
        (AnsweredElsewhere(), PortTaken(), 12),
        (REFUSED, AnsweredElsewhere(), 13),
        (NotOnLoopback(), NotOnLoopback(), 14),
    ],
)
def test_the_cause_that_hides_others_decides(ipv4: Finding, ipv6: Finding, code: int) -> None:
    assert judge({Family.IPV4: ipv4, Family.IPV6: ipv6}, PORTS).code == code


@given(FINDINGS, FINDINGS)
def test_success_needs_one_family_redirected_and_the_other_not_failing(ipv4: Finding, ipv6: Finding) -> None:
    verdict = judge({Family.IPV4: ipv4, Family.IPV6: ipv6}, PORTS)
    fine = {ipv4, ipv6} <= {Redirected(), NotOnLoopback()} and Redirected() in {ipv4, ipv6}
    assert (verdict.code is ExitCode.REDIRECTED) == fine


@given(FINDINGS, FINDINGS)
def test_the_message_tells_both_families_and_fits_the_termination_log(ipv4: Finding, ipv6: Finding) -> None:
    message = judge({Family.IPV4: ipv4, Family.IPV6: ipv6}, PORTS).message
    assert "(IPv4: " in message
    assert "; IPv6: " in message
    assert len(message.encode()) < 4096


def test_the_codes_are_stable() -> None:
    assert [code.value for code in ExitCode] == [0, 10, 11, 12, 13, 14]


def test_an_error_of_the_operating_system_is_told() -> None:
    verdict = failed(OSError(24, "Too many open files"))
    assert verdict.code == 14
    assert verdict.message == "the redirect was not tested: [Errno 24] Too many open files"
