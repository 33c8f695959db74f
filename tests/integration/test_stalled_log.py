"""Nobody reads the log: requests go on as before, and what is lost is counted."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from chain import Chain, Service, eventually
from load import Load

pytestmark = pytest.mark.slow

#: More lines than may wait (sink.CAPACITY) and fit into a pipe.
REQUESTS = 10_000

DROPPED, WRITTEN = "microgateway_log_lines_dropped_total ", "microgateway_log_lines_total "


def test_a_stalled_stdout_costs_lines_and_no_request(chain: Chain, tmp_path: Path) -> None:
    chain.engine.close()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    engine = Service("engine", chain.engine.command, pipe, chain.engine._environment)
    engine.start()
    engine.log = chain.engine.log  # nobody else may read the pipe
    chain.engine = engine
    chain.await_ready()

    with Load(chain.port) as load:
        load.await_more(REQUESTS)
    assert load.result.failures == []
    dropped = chain.metric(DROPPED)
    assert 0 < dropped < REQUESTS
    assert chain.is_ready()

    received: list[bytes] = []

    def read() -> None:
        while piece := os.read(reading, 1 << 20):
            received.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    waited = load.result.done - dropped
    eventually(lambda: chain.metric(WRITTEN) >= waited, "the lines that waited to be read")
    # And lines come again.
    chain.get("/products", headers={"X-Correlation-Id": "the-last"})
    eventually(lambda: b"the-last" in b"".join(received), "the last line")
    assert chain.metric(DROPPED) == dropped
    engine.close()
    reader.join(10)
    os.close(reading)
    # What came is whole, and with what was dropped it is everything.
    lines = [json.loads(line) for line in b"".join(received).splitlines()]
    requests = [line for line in lines if line["event"]["dataset"] == "envoy.access"]
    assert len(requests) + dropped >= load.result.done
    assert len({line["http"]["request"]["id"] for line in requests}) == len(requests)
