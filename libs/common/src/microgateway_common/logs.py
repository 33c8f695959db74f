"""Application events as ECS 8.5 JSON lines on stdout (`event.dataset` microgateway.application)."""

from __future__ import annotations

import logging
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

_encode = msgspec.json.Encoder().encode

#: Attributes every LogRecord has; what else it has came as `extra` and is logged as given.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class EcsFormatter(logging.Formatter):
    """One JSON object a record. `extra` keys are ECS names with dots, `{"microgateway.gateway": …}`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service
        self._pid = os.getpid()

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "@timestamp": timestamp(record.created),
            "log": {
                "level": record.levelname.lower(),
                "logger": record.name,
                "origin": {
                    "file": {"name": record.filename, "line": record.lineno},
                    "function": record.funcName,
                },
            },
            "message": record.getMessage(),
            "ecs": {"version": "8.5"},
            "event": {"kind": "event", "module": self._service, "dataset": "microgateway.application"},
            "service": {"name": self._service},
            "process": {"pid": self._pid, "thread": {"id": threading.get_ident()}},
        }
        if record.exc_info:
            line["error"] = {"stack_trace": self.formatException(record.exc_info)}
        line.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
        return _encode(line).decode()


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def set_up(service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Send the whole process's logging to the stream (stdout) as ECS lines.

    level: trace, debug, info, warn, error, critical or off, as the pod annotation `engineLogLevel`
    spells them. Raises ValueError for another.
    """
    numbers = {
        "trace": logging.DEBUG,
        "debug": logging.DEBUG,
        "info": logging.INFO,
        "warn": logging.WARNING,
        "error": logging.ERROR,
        "critical": logging.CRITICAL,
        "off": logging.CRITICAL + 1,
    }
    if level not in numbers:
        raise ValueError(f"log level: expected one of {', '.join(numbers)}, got {level!r}")
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(EcsFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(numbers[level])
