"""Application events as ECS 8.5 JSON lines on stdout (`event.dataset` microgateway.application)."""

from __future__ import annotations

import logging
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from .settings import LOG_LEVELS

#: `extra` may hold anything; what JSON does not know is shown as its repr.
_encode = msgspec.json.Encoder(enc_hook=repr).encode

#: Attributes every LogRecord has; what else it has came as `extra` and is logged as given.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineStream(Protocol):
    """As much of a text stream as a log handler uses."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


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
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = {
                "type": type(record.exc_info[1]).__qualname__,
                "message": str(record.exc_info[1]),
                "stack_trace": self.formatException(record.exc_info),
            }
        line.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
        try:
            return _encode(line).decode()
        except UnicodeEncodeError:  # a lone surrogate, as in a file name that is not UTF-8
            return _encode(_encodable(line)).decode()


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_encodable(key): _encodable(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_encodable(each) for each in value]
        case _:
            return value


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def set_up(service: str, level: str = "info", stream: LineStream | None = None) -> None:
    """Send the whole process's logging to the stream (stdout) as ECS lines.

    level: one of `settings.LOG_LEVELS`. Raises ValueError for another.
    """
    if level not in LOG_LEVELS:
        raise ValueError(f"log level: expected one of {', '.join(LOG_LEVELS)}, got {level!r}")
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(EcsFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LOG_LEVELS[level])
