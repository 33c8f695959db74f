from __future__ import annotations

import msgspec
import pytest

from microgateway_common import wire
from microgateway_common.bus.connection import RedisAccess
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.origin import ResourceOrigin
from microgateway_common.names import Generation, Namespace, gateway_key
from microgateway_common.settings import RedisUrl
from microgateway_reconciler.trust import state
from microgateway_reconciler.trust.bundled import new_bundled_redis
from microgateway_reconciler.trust.life import Policy
from microgateway_reconciler.trust.state import Keys, StateError

SHOP, BILLING = Namespace("shop"), Namespace("billing")
GATEWAY = gateway_key("shop", "web")
CONFIG = GatewayConfig(GATEWAY, ResourceOrigin("SidecarGateway", "shop", "web", 1), {}, (), {"tls": b"KEY"})
REDIS = RedisAccess(RedisUrl("rediss://redis:6379/0"), "mgw-reconciler", "ours", "PEM")
POLICY = Policy(lifetime=100, overlap=10)


def keys(*namespaces: Namespace) -> Keys:
    return state.with_namespaces(state.first(0), namespaces, 0)


def published(kept: Keys, generation: int = 1) -> bytes:
    signer = state.authority(kept)
    return wire.pack(GATEWAY, Generation(generation), wire.encode(CONFIG, signer), signer)


def test_what_is_kept_is_read_as_written() -> None:
    kept = state.with_redis(keys(SHOP, BILLING), new_bundled_redis("redis"))
    assert state.decode(state.encode(kept)) == kept


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", state.encode(keys()).replace(b"1", b"2", 1)])
def test_what_is_no_state_is_refused(data: bytes) -> None:
    with pytest.raises(StateError):
        state.decode(data)


def test_no_representation_shows_a_key() -> None:
    assert repr(keys(SHOP)) == "Keys(1 namespaces)"


def test_engines_get_what_they_need_and_nothing_of_ours() -> None:
    kept = keys(SHOP, BILLING)
    shop = state.bootstrap(kept, SHOP, REDIS, "mgw-ns-shop")
    assert wire.open_bundle(published(kept), GATEWAY, shop.key_ring)[1] == CONFIG
    assert (shop.redis.url, shop.redis.ca, shop.redis.username) == (REDIS.url, "PEM", "mgw-ns-shop")
    watched = msgspec.structs.replace(REDIS, sentinel_username="asker", sentinel_password="sesame")
    handed_out = state.bootstrap(kept, SHOP, watched, "mgw-ns-shop").redis
    assert (handed_out.sentinel_username, handed_out.sentinel_password) == ("asker", "sesame")
    encoded = msgspec.json.encode(shop)
    assert b"ours" not in encoded
    assert kept.signing.current not in (*shop.signing_keys, *shop.namespace_keys)

    billing = state.bootstrap(kept, BILLING, REDIS, "mgw-ns-billing")
    with pytest.raises(wire.WireError) as refused:  # signed, but not for its eyes
        wire.open_bundle(published(kept), GATEWAY, billing.key_ring)
    assert refused.value.kind is wire.WireErrorKind.SEALED
    assert billing.redis.password != shop.redis.password


def test_while_keys_are_rotated_engines_that_are_behind_open_everything() -> None:
    """The kubelet takes its time: an engine has what it was handed out up to an overlap ago."""
    kept = keys(SHOP)
    handed_out = {0: state.bootstrap(kept, SHOP, REDIS, "u").key_ring}
    bundles = {0: published(kept)}
    for now in range(1, 400):
        kept = state.advanced(kept, POLICY, now)
        handed_out[now] = state.bootstrap(kept, SHOP, REDIS, "u").key_ring
        bundles[now] = published(kept)
        for behind in (0, 5, 9):
            ring = handed_out[max(0, now - behind)]
            assert wire.open_bundle(bundles[now], GATEWAY, ring)[1] == CONFIG
        # And a new pod opens what was published before the last change of keys, until it is signed anew.
        assert wire.open_bundle(bundles[now - 1], GATEWAY, handed_out[now])[1] == CONFIG
    assert kept.signing.current != keys(SHOP).signing.current


def test_namespaces_come_and_go() -> None:
    both = keys(SHOP, BILLING)
    shop = state.with_namespaces(both, [SHOP], 5)
    assert shop.namespaces == {SHOP: both.namespaces[SHOP]}
    again = state.with_namespaces(shop, [SHOP, BILLING], 6)
    assert again.namespaces[BILLING] != both.namespaces[BILLING]
