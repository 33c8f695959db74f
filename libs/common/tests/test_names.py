from __future__ import annotations

from microgateway_common.names import gateway_key, pod_key, split_key


def test_a_key_comes_apart_as_it_was_put_together() -> None:
    assert split_key(gateway_key("shop", "webshop")) == ("shop", "webshop")
    assert split_key(pod_key("shop", "web.shop-0")) == ("shop", "web.shop-0")
