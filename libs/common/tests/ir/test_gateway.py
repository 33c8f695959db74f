from __future__ import annotations

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.names import GatewayKey

SECRET = b"-----BEGIN PRIVATE KEY-----"
CONFIG = GatewayConfig(
    GatewayKey("shop/shop"), DefaultOrigin("SidecarGateway"), {}, (), {"shop/shop-tls:tls.key": SECRET}
)


def test_no_representation_shows_a_secret() -> None:
    for shown in (repr(CONFIG), str(CONFIG), f"{[CONFIG]!r}", repr(CONFIG.__rich_repr__())):
        assert "shop/shop-tls:tls.key" in shown
        assert "PRIVATE" not in shown


def test_without_secrets_their_names_remain() -> None:
    shown = CONFIG.without_secrets()
    assert shown.secrets == {"shop/shop-tls:tls.key": b""}
    assert shown.gateway == CONFIG.gateway
    assert CONFIG.secrets == {"shop/shop-tls:tls.key": SECRET}
