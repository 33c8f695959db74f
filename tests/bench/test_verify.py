"""A peer that does other work than it is measured for makes the comparison void."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import Void
from bench.cases import Case, cases
from bench.peers import Peer
from bench.peers.nginx import application, plain
from bench.verify import await_lines, count_lines, verify

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("nginx", "taskset", "setpriv"))),
    reason="nginx, taskset and setpriv are not all installed",
)

GET = cases()[0]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    cpu = min(os.sched_getaffinity(0))
    with (
        application(tmp_path_factory.mktemp("application"), cpu) as upstream,
        plain(tmp_path_factory.mktemp("nginx"), cpu, upstream) as running,
    ):
        yield running


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_plain_proxy_passes_everything_on_and_logs_it(peer: Peer, case: Case) -> None:
    verify(peer, case)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda peer: dataclasses.replace(peer, attack_status=403), "UNION ALL .*: expected 403, got 200"),
        (lambda peer: dataclasses.replace(peer, alarms=(peer.access_log,)), "expected no alarm, got\n"),
        (
            lambda peer: dataclasses.replace(peer, access_log=Path(os.devnull)),
            "expected a line in the access log",
        ),
    ],
    ids=["lets an attack pass", "is alarmed", "does not log"],
)
def test_a_peer_is_refused_that(peer: Peer, change: Callable[[Peer], Peer], message: str) -> None:
    with pytest.raises(Void, match=message):
        verify(change(peer), GET)


def test_a_peer_that_does_not_answer_is_refused(peer: Peer) -> None:
    away = dataclasses.replace(peer, address=peer.address._replace(port=1))
    with pytest.raises(Void, match="expected an answer, got ConnectionRefusedError"):
        verify(away, GET)


def test_lines_are_counted_and_waited_for(peer: Peer, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (1 << 20) + b"\n\nlast")
    assert count_lines(log) == 2
    await_lines(dataclasses.replace(peer, access_log=log), 2)
