"""Who holds Redis holds nothing: engines believe signatures. And keys change while traffic flows."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from chain import ROOT, eventually, use_marker
from load import Load
from redis import Redis
from redis.exceptions import AuthenticationError
from secure_chain import SecureChain

from microgateway_common import wire
from microgateway_common.bus import keys
from microgateway_common.bus.messages import Unassigned
from microgateway_common.names import Generation, PodUid, gateway_key, pod_key
from microgateway_common.trust.signing import Authority, new_signing_key

pytestmark = pytest.mark.slow

GATEWAY, POD = gateway_key("shop", "shop"), pod_key("shop", "shop-0")
SHOP = ROOT / "examples" / "shop"

#: Seconds. An engine looks for new keys each second, the reconciler whether any are due every five.
LIFETIME, OVERLAP = 3, 6


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[SecureChain]:
    with SecureChain(tmp_path, SHOP) as started:
        yield started


def published(redis: Redis) -> bytes:
    data = redis.hget(keys.bundle(GATEWAY), "data")
    assert isinstance(data, bytes)
    return data


def put(redis: Redis, data: bytes) -> None:
    """What whoever holds Redis can do: change what is stored, and tell everybody."""
    redis.hset(keys.bundle(GATEWAY), mapping={"generation": 1, "data": data})
    redis.publish(keys.bundle(GATEWAY), data)


def put_assignment(redis: Redis, data: bytes) -> None:
    redis.set(keys.assignment(POD), data)
    redis.publish(keys.assignment(POD), data)


def forged(data: bytes, signer: wire.Signer) -> bytes:
    """The same configuration, newer, under somebody else's signature."""
    bundle = msgspec.msgpack.decode(data[4:], type=wire.Bundle)
    later = Generation(wire.peek(data).generation + 1_000_000)
    return wire.pack(GATEWAY, later, bundle.payload, signer)


def with_signature_of(genuine: bytes, data: bytes) -> bytes:
    """As if the reconciler had signed it."""
    ours, theirs = (msgspec.msgpack.decode(each[4:], type=wire.Bundle) for each in (genuine, data))
    return genuine[:4] + msgspec.msgpack.encode(wire.Bundle(theirs.header, ours.signature, theirs.payload))


def test_nothing_but_what_the_reconciler_signed_is_served(chain: SecureChain) -> None:
    use_marker(chain)
    with chain.secure_redis.connect_writer() as redis:
        old = published(redis)
        assigned = redis.get(keys.assignment(POD))
        assert isinstance(assigned, bytes)
        chain.set_marker("signed")
        chain.await_marker("signed")
        new = published(redis)
        chain.reconciler.end(signal.SIGTERM)  # it would put things right
        stranger = Authority(new_signing_key(), {})
        nobody = wire.Statement(POD, PodUid(""), Generation(2**60), Unassigned("forged"))
        with Load(chain.port) as load:
            load.await_more(50)
            for reason, data in {
                "untrusted": forged(new, wire.LeaveUnsigned()),
                "unknown_key": forged(new, stranger),
                "forged": with_signature_of(new, forged(new, stranger)),
                "malformed": new[:-7],
                "not_a_bundle": b"x",
                "unknown_schema": new[:3] + b"\x01" + new[4:],
                "oversize": new[:4] + bytes(wire.LARGEST_BUNDLE),
                "replayed": old,
            }.items():
                before = chain.rejected()
                put(redis, data)
                more = before.get(reason, 0) + 1
                _await_refusal(chain, reason, more)
                assert chain.marker() == "signed"
            for signer, reason in ((wire.LeaveUnsigned(), "untrusted"), (stranger, "unknown_key")):
                more = chain.rejected().get(reason, 0) + 1
                put_assignment(redis, wire.pack_assignment(nobody, signer))
                _await_refusal(chain, reason, more)
            load.await_more(50)
        assert load.result.failures == []
        assert chain.marker() == "signed"
        assert chain.is_ready()
        refusals = [text for text in chain.engine.messages() if "refused" in text]
        assert len(refusals) == len(set(refusals)), "each is said once"
        for part in ("got none", "expected a signature of", "got one that is not", "or later of shop/shop"):
            assert any(part in text for text in refusals), (part, refusals)

        # Neither does a restart: the disk knows what was served.
        chain.engine.end(signal.SIGKILL)
        put(redis, old)
        redis.set(keys.assignment(POD), assigned)
        chain.engine.start()
        chain.await_ready()
        assert chain.marker() == "signed"
        eventually(lambda: chain.rejected().get("replayed"), "the old bundle to be refused again")
        assert chain.marker() == "signed"

    # And whatever was done to Redis is put right.
    chain.reconciler.start()
    chain.set_marker("right again")
    chain.await_marker("right again")


def _await_refusal(chain: SecureChain, reason: str, count: float) -> None:
    eventually(lambda: chain.rejected().get(reason, 0) >= count, f"the engine to count {reason}")


def test_an_engine_without_disk_takes_nothing_older_than_its_assignment(chain: SecureChain) -> None:
    """A new pod of the same gateway."""
    use_marker(chain)
    with chain.secure_redis.connect_writer() as redis:
        old = published(redis)
        chain.set_marker("new")
        chain.await_marker("new")
        redis.delete(keys.assignment(POD))
        chain.reconciler.end(signal.SIGTERM)
        chain.reconciler.start()  # it signs the assignment anew
        eventually(lambda: redis.get(keys.assignment(POD)), "the assignment")
        chain.reconciler.end(signal.SIGTERM)
        put(redis, old)
        chain.engine.end(signal.SIGKILL)
        shutil.rmtree(chain.trust.parent / "state")
        chain.engine.start()
        eventually(lambda: _refused_replay(chain), "the old bundle to be refused")
        assert not chain.is_ready()
    chain.reconciler.start()
    chain.await_ready()
    chain.await_marker("new")


def _refused_replay(chain: SecureChain) -> bool:
    return any("or later of shop/shop" in text for text in chain.engine.messages()[-20:])


def test_redis_restarts_and_has_forgotten_its_users(chain: SecureChain) -> None:
    use_marker(chain)
    with Load(chain.port) as load:
        chain.redis.stop()
        chain.set_marker("while redis was away")
        load.await_more(100)
        chain.redis.start()
        chain.await_marker("while redis was away")
        load.await_more(50)
    assert load.result.failures == []
    assert chain.rejected() == {}


def test_keys_change_under_traffic_and_a_stream_of_changes(tmp_path: Path) -> None:
    """Signing key, namespace key and Redis password, each twice: nothing is refused, nothing is lost."""
    arguments = ("--key-lifetime", str(LIFETIME), "--key-overlap", str(OVERLAP))
    with SecureChain(tmp_path, SHOP, *arguments) as chain:
        use_marker(chain)
        first = chain.bootstrap()
        signing: set[str] = set()
        sealing: set[str] = set()
        passwords: list[str] = []
        changes = 0
        with Load(chain.port) as load:
            deadline = time.monotonic() + 60
            while len(passwords) < 3 and time.monotonic() < deadline:
                changes += 1
                chain.set_marker(str(changes))
                chain.await_marker(str(changes))
                now = chain.bootstrap()
                signing |= set(now["signing_keys"])
                sealing |= set(now["namespace_keys"])
                if now["redis"]["password"] not in passwords:
                    passwords.append(now["redis"]["password"])
                time.sleep(0.1)
        assert load.result.failures == []
        assert chain.rejected() == {}
        assert len(passwords) == 3
        assert len(signing) >= 3
        assert len(sealing) >= 3
        assert changes > 10
        assert set(first["signing_keys"]).isdisjoint(chain.bootstrap()["signing_keys"])
        with (
            chain.secure_redis.connect("mgw-ns-shop", passwords[0]) as former,
            pytest.raises(AuthenticationError),
        ):
            former.ping()
        # The engine's own disk goes with the keys: it restarts without anybody's help.
        chain.reconciler.end(signal.SIGTERM)
        chain.redis.stop()
        chain.engine.end(signal.SIGKILL)
        chain.engine.start()
        chain.await_ready()
        assert chain.marker() == str(changes)


def test_deleted_keys_are_replaced_by_new_ones(chain: SecureChain) -> None:
    """What to do when keys were stolen: engines stay on what they serve until they have been told."""
    use_marker(chain)
    before = chain.bootstrap()
    with Load(chain.port) as load:
        (chain.trust / "keys.json").unlink()
        chain.reconciler.end(signal.SIGTERM)
        chain.reconciler.start()
        eventually(lambda: chain.bootstrap()["signing_keys"] != before["signing_keys"], "new keys")
        chain.set_marker("under new keys")
        chain.await_marker("under new keys")
    assert load.result.failures == []
    after = chain.bootstrap()
    for field in ("signing_keys", "namespace_keys"):
        assert set(before[field]).isdisjoint(after[field])
    assert before["redis"]["password"] not in json.dumps(after)


def test_secrets_of_the_installation_are_not_in_any_log(chain: SecureChain) -> None:
    use_marker(chain)
    kept = json.loads((chain.trust / "keys.json").read_text())
    handed_out = chain.bootstrap()
    secrets = [
        kept["signing"]["current"],
        *handed_out["namespace_keys"],
        handed_out["redis"]["password"],
        chain.secure_redis.keys.writer_password,
    ]
    logs = chain.engine.log.read_text() + chain.reconciler.log.read_text()
    assert not [secret for secret in secrets if secret in logs]
