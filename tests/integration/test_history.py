"""Histories through the losses of those who know them, and without what nobody may see."""

from __future__ import annotations

import signal

import pytest
from chain import Chain, eventually, use_marker
from redis import ConnectionError as RedisConnectionError
from redis import Redis

from microgateway_common.bus import keys
from microgateway_common.history import Change, History, InFile, decode_configuration, decode_history
from microgateway_common.names import Generation, gateway_key

pytestmark = pytest.mark.slow

SHOP = gateway_key("shop", "shop")
SECRET = "hunter2-hunter2"


def history(chain: Chain) -> History:
    with Redis.from_url(chain.redis.url) as redis:
        try:
            data = redis.get(keys.history(SHOP))
        except RedisConnectionError:
            return History()
    return History() if data is None else decode_history(bytes(data))


def configuration(chain: Chain, generation: Generation) -> object:
    with Redis.from_url(chain.redis.url) as redis:
        data = redis.get(keys.past_configuration(SHOP, generation))
    return None if data is None else decode_configuration(bytes(data))


def await_history(chain: Chain) -> History:
    """Whose newest entry is what the engine serves."""
    eventually(
        lambda: [each.generation for each in history(chain).entries[:1]] == [chain.generation()],
        "the history to have what is served",
    )
    return history(chain)


def test_each_change_is_an_entry_that_names_its_file(chain: Chain) -> None:
    use_marker(chain)
    before = await_history(chain)
    chain.set_marker("1")
    chain.await_marker("1")
    now = await_history(chain)
    assert now.entries[1:] == before.entries
    (change,) = now.entries[0].changes
    assert (change.change, change.object.ref.kind) == (Change.CHANGED, "HeaderRewrites")
    assert change.object.writer == InFile(str(chain.manifests / "marker.yaml"))
    for entry, value in zip(now.entries, ("1", "0"), strict=False):
        assert f"'{value}'" in str(configuration(chain, entry.generation))


def test_what_is_not_changed_is_not_recorded(chain: Chain) -> None:
    before = await_history(chain)
    limits = chain.manifests / "limits.yaml"
    limits.write_text(f"# {SECRET}\n{limits.read_text()}")
    use_marker(chain)
    assert len(await_history(chain).entries) == len(before.entries) + 1


def test_history_survives_redis_and_the_reconciler_but_not_both(chain: Chain) -> None:
    use_marker(chain)
    for value in ("1", "2"):
        chain.set_marker(value)
        chain.await_marker(value)
        before = await_history(chain)
    chain.redis.stop()
    chain.redis.start()
    eventually(lambda: history(chain) == before, "the history to return to an empty Redis")
    assert all(configuration(chain, each.generation) is not None for each in before.entries)

    assert chain.reconciler.end(signal.SIGTERM) == 0
    chain.reconciler.start()
    chain.set_marker("3")
    chain.await_marker("3")
    assert await_history(chain).entries[1:] == before.entries

    assert chain.reconciler.end(signal.SIGTERM) == 0
    chain.redis.stop()
    chain.redis.start()
    chain.reconciler.start()
    (entry,) = eventually(lambda: history(chain).entries or None, "a history that begins anew")
    assert (entry.since, entry.changes) == (0, ())
    assert configuration(chain, entry.generation) is not None


HEADERS = f"""\
apiVersion: microgateway.airlock.com/v1alpha1
kind: HeaderRewrites
metadata: {{name: marker, namespace: shop, annotations: {{note: {SECRET}}}}}
spec:
  request:
    add: {{custom: [{{name: upstream, headers: [{{name: Authorization, value: Basic {SECRET}}}]}}]}}
  response:
    add: {{custom: [{{name: marker, mode: OverwriteOrAdd, headers: [{{name: X-Marker, value: "9"}}]}}]}}
"""


def test_no_secret_is_in_histories_and_mirror(chain: Chain) -> None:
    use_marker(chain)
    chain.write("marker.yaml", HEADERS)
    chain.await_marker("9")
    newest = await_history(chain).entries[0]
    assert "[redacted]" in str(configuration(chain, newest.generation))
    chain.write("marker.yaml", HEADERS.replace("headers:", f"{SECRET}:", 1))  # no longer valid
    with Redis.from_url(chain.redis.url) as redis:

        def mirror() -> bytes:
            return bytes(redis.get("mgw:shop:source:HeaderRewrites/marker") or b"")

        eventually(lambda: b'"type":"invalid"' in mirror(), "the mirror of what is invalid")
        found = [*redis.scan_iter(match=keys.ALL_HISTORIES), *redis.scan_iter(match=keys.ALL_SOURCES)]
        held = [bytes(redis.get(key) or b"") for key in found]
    assert len(held) > 5
    assert not any(SECRET.encode() in each for each in held)
    assert SECRET not in str(configuration(chain, newest.generation))
