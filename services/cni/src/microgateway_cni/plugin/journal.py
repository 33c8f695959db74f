"""One ECS 8.5 line a decision: to the log file of the node, and to stderr, which runtimes keep on errors.

A log that cannot be written costs the line, never the pod.
"""

from __future__ import annotations

import json
import os
import sys
import time

from .settings import LEVELS, Settings

#: Beyond this the file moves aside to `<file>.1`, so a node's disk holds two of them.
_FILE_BYTES = 10 * 1024 * 1024


class Journal:
    def __init__(self, settings: Settings, fields: dict[str, object]) -> None:
        """fields: ECS names with dots, in every line."""
        self._settings = settings
        self._fields = fields

    def debug(self, message: str, **fields: object) -> None:
        self._write("debug", message, fields)

    def info(self, message: str, **fields: object) -> None:
        self._write("info", message, fields)

    def error(self, message: str, **fields: object) -> None:
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, object]) -> None:
        if LEVELS.index(level) < LEVELS.index(self._settings.log_level):
            return
        now = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        line = json.dumps(
            {
                "@timestamp": moment,
                "log": {"level": level, "logger": "microgateway_cni.plugin"},
                "message": message,
                "ecs": {"version": "8.5"},
                "event": {"kind": "event", "module": "cni", "dataset": "microgateway.application"},
                "service": {"name": "cni-plugin"},
                "process": {"pid": os.getpid()},
                **self._fields,
                **fields,
            }
        )
        sys.stderr.write(line + "\n")
        if self._settings.log_file:
            _append(self._settings.log_file, line + "\n")


def _append(path: str, line: str) -> None:
    """One write of a file opened for appending, so that lines of concurrent plugins do not mix."""
    try:
        descriptor = os.open(
            path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            os.write(descriptor, line.encode())
            if os.fstat(descriptor).st_size > _FILE_BYTES:
                os.replace(path, path + ".1")  # noqa: PTH105 -- pathlib is not needed for the rest
        finally:
            os.close(descriptor)
    except OSError:
        return
