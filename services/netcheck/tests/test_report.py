from __future__ import annotations

import json
import os
from pathlib import Path

from microgateway_netcheck.families import Family
from microgateway_netcheck.report import ecs_line, write_termination_log
from microgateway_netcheck.verdict import ExitCode, Verdict


def test_the_termination_log_is_replaced(tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    log.write_text("something longer from before")
    write_termination_log(log, "the verdict")
    assert log.read_text() == "the verdict\n"


def test_a_missing_termination_log_is_not_made(tmp_path: Path) -> None:
    write_termination_log(tmp_path / "termination-log", "the verdict")
    assert list(tmp_path.iterdir()) == []


def test_the_line_is_ecs() -> None:
    verdict = Verdict(
        ExitCode.NO_REDIRECT_IPV6, "no redirect", {Family.IPV4: "redirected", Family.IPV6: "refused"}
    )
    line = ecs_line(verdict, now=1.5, seconds=0.25)
    assert "\n" not in line
    assert json.loads(line) == {
        "@timestamp": "1970-01-01T00:00:01.500Z",
        "log": {"level": "error", "logger": "microgateway_netcheck"},
        "message": "no redirect",
        "ecs": {"version": "8.5"},
        "event": {
            "kind": "event",
            "module": "netcheck",
            "dataset": "microgateway.application",
            "action": "check-redirect",
            "outcome": "failure",
            "duration": 250_000_000,
        },
        "service": {"name": "netcheck"},
        "process": {"pid": os.getpid(), "exit_code": 11},
        "microgateway": {
            "netcheck": {
                "reason": "NO_REDIRECT_IPV6",
                "findings": {"ipv4": "redirected", "ipv6": "refused"},
            }
        },
    }
