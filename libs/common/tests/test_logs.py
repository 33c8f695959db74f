from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from microgateway_common import logs

logger = logging.getLogger("microgateway.test")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What is logged at `info` and above."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    logs.set_up("microgateway-test", stream=written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)


def only_line(stream: io.StringIO) -> dict[str, Any]:
    [line] = stream.getvalue().splitlines()
    decoded: dict[str, Any] = json.loads(line)
    return decoded


def test_an_event_is_one_line_of_ecs(stream: io.StringIO) -> None:
    logger.info("hello %s\nagain", "world", extra={"microgateway.gateway": "shop/webshop"})
    logger.debug("not logged")
    line = only_line(stream)
    assert line["message"] == "hello world\nagain"
    assert line["log"]["level"] == "info"
    assert line["log"]["logger"] == "microgateway.test"
    assert line["service"] == {"name": "microgateway-test"}
    assert line["event"]["dataset"] == "microgateway.application"
    assert line["microgateway.gateway"] == "shop/webshop"
    assert "error" not in line


def test_an_exception_is_inside_the_line(stream: io.StringIO) -> None:
    try:
        raise KeyError("missing")
    except KeyError:
        logger.exception("failed")
    error = only_line(stream)["error"]
    assert (error["type"], error["message"]) == ("KeyError", "'missing'")
    assert "Traceback" in error["stack_trace"]


def test_exc_info_without_an_exception_is_none(stream: io.StringIO) -> None:
    logger.error("failed", exc_info=True)  # noqa: LOG014 - it happens
    assert "error" not in only_line(stream)


def test_nothing_that_is_logged_is_lost(stream: io.StringIO) -> None:
    logger.info("file %s", "caf\udce9", extra={"object": object(), "paths": ("\ud800", {"\udce9": 1})})
    line = only_line(stream)
    assert line["message"] == "file caf\\udce9"
    assert line["object"].startswith("<object object")
    assert line["paths"] == ["\\ud800", {"\\udce9": 1}]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected one of trace, debug, .*, got 'loud'"):
        logs.set_up("microgateway-test", "loud")


def test_a_timestamp_is_utc_with_milliseconds() -> None:
    assert logs.timestamp(1767225600.0) == "2026-01-01T00:00:00.000Z"
