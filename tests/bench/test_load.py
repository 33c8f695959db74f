"""The script for wrk, and wrk itself against a small server."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.cases import Request, cases
from bench.load import Generator, lua, one_after_the_other
from microgateway_common.settings import Address


def test_lua_gets_every_byte_of_the_body() -> None:
    script = lua(Request("POST", "/", {"X-Quote": 'a"b\\c'}, 'line\n"é"'.encode()))
    assert 'wrk.method = "POST"' in script
    assert 'wrk.headers["X-Quote"] = "a\\034b\\092c"' in script
    assert 'wrk.body = "line\\010\\034\\195\\169\\034"' in script


def test_a_request_without_body_has_none() -> None:
    assert "wrk.body = nil" in lua(Request("GET", "/", {}))


def test_wrk_formats_the_request_once() -> None:
    assert "function request" not in lua(cases()[0].normal)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        got = self.rfile.read(int(self.headers["Content-Length"]))
        status = 200 if got == cases()[1].normal.body and self.headers["Host"] == "shop.example" else 403
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Address]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield Address("127.0.0.1", listening.server_port)
        listening.shutdown()
        thread.join()


@pytest.mark.skipif(
    not all(map(shutil.which, ("wrk", "taskset", "setpriv"))),
    reason="wrk, taskset and setpriv are not all installed",
)
def test_wrk_sends_the_request_as_it_is(server: Address, tmp_path: Path) -> None:
    generator = Generator(min(os.sched_getaffinity(0)), connections=2, scripts=tmp_path)
    normal = cases()[1].normal

    accepted = generator.run("server", server, normal, seconds=1)
    assert accepted.requests > 0
    assert accepted.failed == 0
    assert 0 < accepted.p50 <= accepted.p99

    refused = generator.run("server", server, Request("POST", "/", normal.headers, b"other"), seconds=1)
    assert refused.failed == refused.requests > 0


def test_one_after_the_other_counts_each_request(server: Address, tmp_path: Path) -> None:
    normal = cases()[1].normal
    generator = Generator(min(os.sched_getaffinity(0)), 32, tmp_path)
    accepted = generator.run("server", server, normal, seconds=0, at_once=1)
    assert (accepted.requests, accepted.failed) == (1, 0)
    assert 0 < accepted.p50 <= accepted.p99 <= accepted.seconds * 1e3
    refused = one_after_the_other(server, Request("POST", "/", normal.headers, b"other"), seconds=0.05)
    assert refused.failed == refused.requests > 0
    away = one_after_the_other(server._replace(port=1), normal, seconds=0)
    assert (away.requests, away.failed) == (1, 1)
