"""To a collector over HTTP, on a thread: what it does not take in time is dropped and counted, never waited
for (OTLP specification, "OTLP/HTTP")."""

from __future__ import annotations

import gzip
import http.client
import logging
import random
import ssl
import threading
import time
from collections import deque
from urllib.parse import urlsplit

from .otlp import encode
from .settings import TracingOn
from .spans import Record, spans

logger = logging.getLogger(__name__)

#: Answers after which the same batch is sent again (OTLP specification, "Retryable Response Codes").
_RETRYABLE = frozenset((429, 502, 503, 504))
_FIRST_PAUSE, _LARGEST_PAUSE = 1.0, 30.0
#: Tries of one batch.
_TRIES = 5
#: Seconds that the last batches may take at the end.
_FAREWELL = 1.0

#: Bytes of an answer that are read, so that the connection can be used again.
_LARGEST_ANSWER = 64 * 1024


class Exporter:
    """`put` from the event loop's thread. sent, dropped: spans.

    settings.queue bounds what waits in exchanges rather than in spans: there are one to three of each.
    """

    def __init__(self, settings: TracingOn, version: str) -> None:
        self._settings = settings
        self._version = version
        self._url = urlsplit(settings.endpoint)
        self._waiting: deque[Record] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._ends = 0.0
        self._complaint = ""
        self._connection: http.client.HTTPConnection | None = None
        self.sent = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        if len(self._waiting) >= self._settings.queue:
            self.dropped += _number(record)
            return
        self._waiting.append(record)
        if len(self._waiting) >= self._settings.batch and not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        """What waits goes out, for at most a second."""
        self._ends = time.monotonic() + _FAREWELL
        self._closing = True
        self._wake.set()
        self._thread.join(_FAREWELL + 0.5)

    def _run(self) -> None:
        while not (self._closing and not self._waiting):
            self._wake.wait(self._settings.delay)
            self._wake.clear()
            while self._waiting:
                size = min(self._settings.batch, len(self._waiting))
                batch = [self._waiting.popleft() for _ in range(size)]
                number = sum(map(_number, batch))
                if self._is_taken(batch):
                    self.sent += number
                else:
                    self.dropped += number
        if self._connection is not None:
            self._connection.close()

    def _is_taken(self, batch: list[Record]) -> bool:
        try:
            return self._export(batch)
        except Exception:
            logger.exception("a batch of spans is lost")
            return False

    def _export(self, batch: list[Record]) -> bool:
        """Whether the collector has taken it."""
        settings = self._settings
        data = encode(settings.resource, self._version, (span for each in batch for span in spans(each)))
        headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"microgateway-engine/{self._version}",
            **dict(settings.headers),
        }
        if settings.gzip:
            data = gzip.compress(data, compresslevel=1, mtime=0)
            headers["content-encoding"] = "gzip"
        pause = _FIRST_PAUSE
        for attempt in range(_TRIES):
            if self._closing and time.monotonic() >= self._ends:
                return False
            wrong, may_be_repeated, after = self._send(data, headers)
            if not wrong:
                self._complain("")
                return True
            self._complain(wrong)
            if not may_be_repeated or attempt == _TRIES - 1:
                return False
            self._pause(after or pause * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
            pause = min(pause * 2, _LARGEST_PAUSE)
        return False

    def _send(self, data: bytes, headers: dict[str, str]) -> tuple[str, bool, float]:
        """What is wrong, empty for nothing; whether to try again; after how many seconds, 0 for not said."""
        try:
            connection = self._connected()
            connection.request("POST", self._target, data, headers)
            answer = connection.getresponse()
            answer.read(_LARGEST_ANSWER)
            if not answer.isclosed():
                self._disconnect()
        except (OSError, http.client.HTTPException) as error:
            self._disconnect()
            return f"no answer: {type(error).__name__}: {error}", True, 0.0
        if 200 <= answer.status < 300:
            return "", False, 0.0
        after = answer.headers.get("retry-after", "")
        seconds = min(float(after), _LARGEST_PAUSE) if after.isascii() and after.isdigit() else 0.0
        return f"answered with {answer.status}", answer.status in _RETRYABLE, seconds

    def _connected(self) -> http.client.HTTPConnection:
        """Kept from one batch to the next."""
        if self._connection is None:
            host, port, timeout = self._url.hostname or "", self._url.port, self._settings.timeout
            if self._url.scheme == "https":
                context = ssl.create_default_context(cafile=self._settings.authority)
                self._connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=timeout)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _target(self) -> str:
        query = f"?{self._url.query}" if self._url.query else ""
        return (self._url.path or "/") + query

    def _pause(self, seconds: float) -> None:
        """Shorter at the end."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until and not self._closing:
            time.sleep(min(0.1, until - now))

    def _complain(self, wrong: str) -> None:
        """Once for each thing that is wrong, and once when it is over."""
        if wrong != self._complaint:
            self._complaint = wrong
            if wrong:
                logger.warning("traces are not taken by %s: %s", self._url.netloc.rpartition("@")[2], wrong)
            else:
                logger.info("traces are taken again")


def _number(record: Record) -> int:
    """Of its spans."""
    return 1 + bool(record.inspected) + bool(record.forwarded)
