"""nginx and haproxy as data planes: every door, requests of each kind, and memory of idle connections."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.dataplane import peers
from bench.dataplane.certificates import self_signed
from bench.dataplane.doors import Front, Protocol
from bench.dataplane.h2load import H2load, Target
from bench.dataplane.handshakes import handshakes
from bench.dataplane.idle import idle
from bench.dataplane.part import verify

PROGRAMS = ("nginx", "haproxy", "h2load", "openssl", "taskset", "setpriv")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason=f"not all installed: {', '.join(PROGRAMS)}"
)

CPU = min(os.sched_getaffinity(0))
PROXIES = {"nginx": peers.plain_nginx, "haproxy": peers.haproxy}


@contextlib.contextmanager
def started(proxy: str) -> Iterator[Front]:
    with tempfile.TemporaryDirectory() as name:  # not pytest's, which nginx's worker may not enter
        root = Path(name)
        root.chmod(0o755)
        for each in ("application", "proxy"):
            (root / each).mkdir()
        with (
            peers.application(root / "application", CPU) as upstream,
            PROXIES[proxy](root / "proxy", CPU, upstream, self_signed(root)) as running,
        ):
            yield running


@pytest.fixture(scope="module", params=PROXIES)
def front(request: pytest.FixtureRequest) -> Iterator[Front]:
    with started(request.param) as running:
        yield running


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    file = tmp_path / "upload.bin"
    file.write_bytes(bytes(range(256)) * (peers.LARGE // 256))
    return file


def test_bodies_arrive_whole(front: Front, upload: Path) -> None:
    verify([front], upload)


@pytest.mark.parametrize("protocol", Protocol)
def test_every_door_answers(front: Front, protocol: Protocol, tmp_path: Path) -> None:
    load = H2load(CPU, tmp_path).at_rate(
        front.name, front.doors[protocol].address, protocol, Target(f"{front.path}/small"), 200, seconds=1
    )
    assert load.requests == 200
    assert 0 < load.p50 <= load.p99


def test_an_upload_over_http2(front: Front, upload: Path, tmp_path: Path) -> None:
    door, target = front.doors[Protocol.HTTP2], Target(f"{front.path}/upload", upload, large=True)
    assert (
        H2load(CPU, tmp_path).flat_out(front.name, door.address, Protocol.HTTP2, target, 1, 0.1).requests > 0
    )


def test_handshakes_are_counted(front: Front, tmp_path: Path) -> None:
    assert handshakes(front.name, front.doors[Protocol.TLS_HTTP1].address, 1, CPU, tmp_path) > 0


@pytest.mark.parametrize("proxy", PROXIES)
def test_idle_connections_cost_something(proxy: str) -> None:
    with started(proxy) as fresh:  # in one that has worked they fit into memory that it has freed
        assert idle(fresh, Protocol.TLS_HTTP1, 100).each > 1  # KiB; of 5,000 each takes 14
