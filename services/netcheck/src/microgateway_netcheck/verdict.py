"""Findings of both families → one exit code and one message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import assert_never

from .challenge import (
    AnsweredElsewhere,
    Finding,
    NotOnLoopback,
    NotRedirected,
    Ports,
    PortTaken,
    Redirected,
)
from .families import Family


class ExitCode(IntEnum):
    """Stable: the reconciler and people's alerts tell the causes apart by them. `main` explains each."""

    REDIRECTED = 0
    NO_REDIRECT_IPV4 = 10
    NO_REDIRECT_IPV6 = 11
    INBOUND_PORT_TAKEN = 12
    CHECK_PORT_ANSWERED = 13
    CHECK_FAILED = 14


@dataclass(frozen=True, slots=True)
class Verdict:
    """findings: one line a family, for people."""

    code: ExitCode
    message: str
    findings: Mapping[Family, str]


def judge(findings: Mapping[Family, Finding], ports: Ports) -> Verdict:
    """The cause that hides others comes first: a port that is taken leaves the redirect untested."""
    code = _code(findings)
    described = {family: _describe(finding, ports) for family, finding in findings.items()}
    details = "; ".join(f"{family.value}: {text}" for family, text in described.items())
    return Verdict(code, f"{_message(code, ports)} ({details})", described)


def failed(error: OSError) -> Verdict:
    """The verdict when the operating system did not let us check."""
    return Verdict(ExitCode.CHECK_FAILED, f"the redirect was not tested: {error}", {})


def _code(findings: Mapping[Family, Finding]) -> ExitCode:
    kinds = {family: type(finding) for family, finding in findings.items()}
    if PortTaken in kinds.values():
        return ExitCode.INBOUND_PORT_TAKEN
    if AnsweredElsewhere in kinds.values():
        return ExitCode.CHECK_PORT_ANSWERED
    if kinds.get(Family.IPV4) is NotRedirected:
        return ExitCode.NO_REDIRECT_IPV4
    if kinds.get(Family.IPV6) is NotRedirected:
        return ExitCode.NO_REDIRECT_IPV6
    if Redirected in kinds.values():
        return ExitCode.REDIRECTED
    return ExitCode.CHECK_FAILED


def _message(code: ExitCode, ports: Ports) -> str:
    match code:
        case ExitCode.REDIRECTED:
            return "inbound traffic is redirected to the engine"
        case ExitCode.NO_REDIRECT_IPV4 | ExitCode.NO_REDIRECT_IPV6:
            return (
                "inbound traffic is not redirected to the engine, the pod would be unprotected:"
                " make sure that the Microgateway CNI plugin is installed on this node and that the pod"
                " does not use hostNetwork, then recreate the pod"
            )
        case ExitCode.INBOUND_PORT_TAKEN:
            return (
                f"port {ports.inbound} is taken and the redirect was not tested: either the engine is running"
                " already, while netcheck has to run before it, or another process uses its port"
            )
        case ExitCode.CHECK_PORT_ANSWERED:
            return (
                f"port {ports.check} is reserved for netcheck, but another process answers there;"
                " the redirect does not work"
            )
        case ExitCode.CHECK_FAILED:
            return "the redirect was not tested: the loopback interface has no address"
        case _:
            assert_never(code)


def _describe(finding: Finding, ports: Ports) -> str:
    match finding:
        case Redirected():
            return "redirected"
        case NotOnLoopback():
            return "skipped, the loopback interface has no address of this family"
        case NotRedirected(reason):
            return f"not redirected, {reason}"
        case PortTaken():
            return f"port {ports.inbound} is taken"
        case AnsweredElsewhere():
            return f"port {ports.check} answered, but the connection did not arrive on port {ports.inbound}"
        case _:
            assert_never(finding)
