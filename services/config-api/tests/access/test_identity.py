from __future__ import annotations

import pytest

from microgateway_config_api.access.identity import EVERYWHERE, Right


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (
            Right("get", "shop", "webshop"),
            "to get sidecargateways.microgateway.airlock.com webshop in namespace shop",
        ),
        (Right("list", "shop"), "to list sidecargateways.microgateway.airlock.com in namespace shop"),
        (Right("list", EVERYWHERE), "to list sidecargateways.microgateway.airlock.com in all namespaces"),
    ],
)
def test_a_right_says_what_to_grant(right: Right, words: str) -> None:
    assert str(right) == words
