"""Any part may die at any moment: no request fails while the engine lives, and afterwards the engine has
the latest configuration."""

from __future__ import annotations

import signal

import pytest
from chain import Chain, eventually, use_marker
from load import Load

pytestmark = pytest.mark.slow


def test_redis_dies_and_comes_back_empty(chain: Chain) -> None:
    use_marker(chain)
    with Load(chain.port) as load:
        load.await_more(100)
        chain.redis.stop()
        load.await_more(300)
        chain.set_marker("while redis was away")
        load.await_more(100)
        assert chain.marker() == "0"
        chain.redis.start()
        chain.await_marker("while redis was away")
        chain.set_marker("afterwards")
        chain.await_marker("afterwards")
        load.await_more(100)
    assert load.result.failures == []
    assert chain.metric("microgateway_redis_disconnects_total") == 1


def test_the_reconciler_is_killed_and_restarted(chain: Chain) -> None:
    use_marker(chain)
    with Load(chain.port) as load:
        load.await_more(100)
        chain.reconciler.end(signal.SIGKILL)
        chain.set_marker("while the reconciler was away")
        load.await_more(300)
        assert chain.marker() == "0"
        chain.reconciler.start()
        chain.await_marker("while the reconciler was away")
        load.await_more(100)
    assert load.result.failures == []


def test_a_restarted_reconciler_publishes_nothing_that_redis_has(chain: Chain) -> None:
    before = chain.generation()
    chain.reconciler.end(signal.SIGTERM)
    chain.reconciler.start()
    eventually(
        lambda: chain.reconciler.messages().count("redis holds 1 gateways") == 2,
        "the second start to be done",
    )
    assert chain.generation() == before


def test_redis_and_reconciler_lose_their_memory_together(chain: Chain) -> None:
    use_marker(chain)
    with Load(chain.port) as load:
        chain.reconciler.end(signal.SIGKILL)
        chain.redis.stop()
        chain.set_marker("after the flood")
        load.await_more(200)
        chain.redis.start()
        chain.reconciler.start()
        chain.await_marker("after the flood")
        load.await_more(100)
    assert load.result.failures == []


def test_a_killed_engine_restarts_from_its_disk_without_redis(chain: Chain) -> None:
    use_marker(chain)
    chain.set_marker("on disk")
    chain.await_marker("on disk")
    chain.redis.stop()
    chain.engine.end(signal.SIGKILL)
    chain.engine.start()
    chain.await_ready()
    assert chain.marker() == "on disk"
    with Load(chain.port) as load:
        load.await_more(200)
        chain.redis.start()
        chain.set_marker("redis is back")
        chain.await_marker("redis is back")
    assert load.result.failures == []


def test_an_engine_that_is_asked_to_stop_finishes_its_requests(chain: Chain) -> None:
    with Load(chain.port, reconnect=True) as load:
        load.await_more(200)
        assert chain.engine.end(signal.SIGTERM) == 0
        chain.set_marker("while the engine was away")
        chain.engine.start()
        chain.await_ready()
        load.await_more(200)
    assert load.result.failures == []


def test_an_engine_that_was_away_gets_what_it_missed(chain: Chain) -> None:
    use_marker(chain)
    chain.engine.end(signal.SIGKILL)
    chain.set_marker("missed")
    chain.engine.start()
    chain.await_ready()
    chain.await_marker("missed")


def test_the_application_restarts(chain: Chain) -> None:
    chain.application.end(signal.SIGKILL)
    assert chain.get("/products").status_code == 503
    chain.application.start()
    eventually(lambda: chain.get("/products").status_code == 200, "the application to answer again")


def test_a_newer_reconciler_replaces_an_older_one(chain: Chain) -> None:
    older = chain.reconciler
    newer = chain.another_reconciler()
    newer.start()
    try:
        eventually(lambda: "redis holds 1 gateways" in newer.messages(), "the newer one to publish")
        use_marker(chain)
        eventually(
            lambda: any("newer reconciler" in text for text in older.messages()), "the older one to stop"
        )
        chain.set_marker("from the newer one")
        chain.await_marker("from the newer one")
    finally:
        newer.close()
