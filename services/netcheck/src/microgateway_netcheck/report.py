"""Tells the verdict: the termination log for `kubectl describe pod`, one ECS 8.5 line for log collectors."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from .verdict import ExitCode, Verdict


def write_termination_log(path: Path, message: str) -> None:
    """Replace the file's content; a file that is not there, as outside Kubernetes, is not made.

    The kubelet reads at most 4096 bytes of it. A file that cannot be written costs the message, not the
    verdict: stdout has both.
    """
    try:
        with path.open("r+", encoding="utf-8") as file:
            file.write(message + "\n")
            file.truncate()
    except OSError:
        return


def ecs_line(verdict: Verdict, *, now: float, seconds: float) -> str:
    """One JSON object without a line end. now: since the epoch; seconds: how long the check took."""
    ok = verdict.code is ExitCode.REDIRECTED
    return json.dumps(
        {
            "@timestamp": datetime.fromtimestamp(now, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "log": {"level": "info" if ok else "error", "logger": "microgateway_netcheck"},
            "message": verdict.message,
            "ecs": {"version": "8.5"},
            "event": {
                "kind": "event",
                "module": "netcheck",
                "dataset": "microgateway.application",
                "action": "check-redirect",
                "outcome": "success" if ok else "failure",
                "duration": int(seconds * 1e9),
            },
            "service": {"name": "netcheck"},
            "process": {"pid": os.getpid(), "exit_code": int(verdict.code)},
            "microgateway": {
                "netcheck": {
                    "reason": verdict.code.name,
                    "findings": {family.value.lower(): text for family, text in verdict.findings.items()},
                }
            },
        }
    )
