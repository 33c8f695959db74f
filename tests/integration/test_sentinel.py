"""A master is lost, or steps down: traffic goes on, and everybody finds the next one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import ROOT, eventually, use_marker
from load import Load
from sentinel_redis import ASKING, SentinelChain

pytestmark = pytest.mark.slow

#: Seconds until sentinels have agreed, and reconciler and engine have found the new master.
CONVERGED = 60.0


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[SentinelChain]:
    with SentinelChain(tmp_path, ROOT / "examples" / "shop") as started:
        use_marker(started)
        yield started


def test_a_master_that_dies_and_one_that_steps_down_cost_no_request(chain: SentinelChain) -> None:
    redis = chain.sentinel_redis
    chain.set_marker("first")
    chain.await_marker("first")
    first = redis.master()
    with Load(chain.port) as load:
        load.await_more(50)
        redis.kill(first)
        chain.set_marker("second")  # while there is no master
        eventually(lambda: chain.marker() == "second", "the change by the new master", CONVERGED)
        second = redis.master()
        assert second not in (0, first)

        redis.revive(first)
        eventually(lambda: redis.role(second) == (b"master", 1), "the former master to follow", CONVERGED)
        load.await_more(50)

        redis.fail_over()
        eventually(lambda: redis.role(first)[0] == b"master", "the first to be master again", CONVERGED)
        chain.set_marker("third")
        eventually(lambda: chain.marker() == "third", "the change by the first again", CONVERGED)
        load.await_more(50)

    assert load.result.failures == []
    assert load.result.done > 150
    assert chain.is_ready()
    assert chain.rejected() == {} or not any(chain.rejected().values())
    passwords = (ASKING, redis.keys.writer_password, redis.keys.reader_password)
    for service in (chain.engine, chain.reconciler):
        assert not any(password in service.log.read_text() for password in passwords)


def test_one_sentinel_of_three_is_enough_to_find_the_master(chain: SentinelChain) -> None:
    redis = chain.sentinel_redis
    for port in redis.sentinels[:2]:
        redis.kill(port)
    for service in (chain.engine, chain.reconciler):
        service.close()
        service.start()
    chain.await_ready()
    chain.set_marker("by the third")
    eventually(lambda: chain.marker() == "by the third", "the change", CONVERGED)
