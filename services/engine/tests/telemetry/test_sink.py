"""Lines to a descriptor that never hold up whoever writes them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from microgateway_common import logs
from microgateway_engine.telemetry.sink import LineSink, Turns


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """(reading end, writing end) of a pipe."""
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue  # a test closed it


def read_all(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_lines_come_out_whole_and_in_order(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        sink = LineSink(file.fileno())
        lines = [b"line %d\n" % number for number in range(10_000)]
        for line in lines:
            sink.write_line(line)
        sink.close()
    assert (tmp_path / "log").read_bytes() == b"".join(lines)
    assert (sink.written, sink.dropped) == (10_000, 0)


def test_closing_flushes_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        sink = LineSink(file.fileno())
        sink.write_line(b"last\n")
        sink.close()
        assert not sink._thread.is_alive()
    assert (tmp_path / "log").read_bytes() == b"last\n"


def test_a_reader_that_stalls_costs_lines_and_no_time(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    sink = LineSink(writing, capacity=1_000_000)
    line = b"x" * 999 + b"\n"
    slowest = 0.0
    for _ in range(5000):
        started = time.perf_counter()
        sink.write_line(line)
        slowest = max(slowest, time.perf_counter() - started)
    assert slowest < 0.25
    assert 3000 < sink.dropped < 5000
    kept = 5000 - sink.dropped

    reader = threading.Thread(target=lambda: received.append(read_all(reading)))
    received: list[bytes] = []
    reader.start()
    wait_for(lambda: sink.written == kept)
    sink.write_line(b"after\n")  # it takes lines again
    sink.close()
    os.close(writing)
    reader.join(5)
    assert received == [line * kept + b"after\n"]


def test_closing_does_not_wait_for_a_reader_that_stalls(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    sink = LineSink(writing)
    sink.write_line(b"x" * 1_000_000 + b"\n")
    started = time.monotonic()
    sink.close()
    assert 0.5 < time.monotonic() - started < 10
    os.close(reading)


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    sink = LineSink(writing)
    os.close(reading)
    for _ in range(3):
        sink.write_line(b"lost\n")
    wait_for(lambda: sink.dropped == 3)
    sink.write_line(b"lost\n")
    sink.close()
    assert (sink.written, sink.dropped) == (0, 4)


def test_a_descriptor_that_somebody_made_non_blocking_tears_no_line(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    sink = LineSink(writing)
    lines = [b"%d" % number * 50_000 + b"\n" for number in range(9)]
    for line in lines:
        sink.write_line(line)
    time.sleep(0.1)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(read_all(reading)))
    reader.start()
    wait_for(lambda: sink.written == 9)
    sink.close()
    os.close(writing)
    reader.join(5)
    assert received == [b"".join(lines)]
    assert sink.dropped == 0


def test_logging_goes_the_same_way(tmp_path: Path) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with (tmp_path / "log").open("wb") as file:
        sink = LineSink(file.fileno())
        try:
            logs.set_up("engine", "info", sink)
            logging.getLogger("test").info("two\nlines")
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        sink.close()
    (line,) = (tmp_path / "log").read_bytes().splitlines()
    assert b"two\\nlines" in line


PROCESSES = """
import os, sys
from microgateway_engine.telemetry.sink import LineSink, Turns

turns, size = Turns(), int(sys.argv[1])
children = []
for name in b"abcd":
    pid = os.fork()
    if pid == 0:
        sink = LineSink(1, turns=turns)
        for number in range(100):
            sink.write_line(bytes([name]) * (size + number) + b"\\n")
            if number % 10 == 0:
                import time; time.sleep(0.002)
        sink.close()
        os._exit(sink.dropped)
    children.append(pid)
sys.exit(sum(os.waitpid(pid, 0)[1] for pid in children))
"""


@pytest.mark.parametrize("size", [10, 5_000, 30_000])
def test_processes_that_share_a_pipe_tear_no_line(size: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESSES, str(size)], capture_output=True, timeout=120, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 400
    assert {(line[:1], len(line)) for line in lines} == {
        (bytes([name]), size + number) for name in b"abcd" for number in range(100)
    }
    assert all(line == line[:1] * len(line) for line in lines)


def test_a_process_that_ends_gives_up_its_turn(tmp_path: Path) -> None:
    turns = Turns()
    pid = os.fork()
    if pid == 0:
        turns.__enter__()
        os._exit(0)
    os.waitpid(pid, 0)
    with turns:
        pass
