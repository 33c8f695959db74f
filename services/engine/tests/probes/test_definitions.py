"""The environment variable, as the webhook writes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from microgateway_engine.probes.definitions import GrpcProbe, HttpProbe, TcpProbe, decode


def test_what_the_webhook_writes() -> None:
    get = {
        "path": "/alive",
        "port": 8080,
        "scheme": "HTTPS",
        "httpHeaders": [{"name": "Host", "value": "shop"}, {"name": "X-Empty"}],
    }
    text = json.dumps(
        {
            "/app-health/shop/livez": {"httpGet": get, "timeoutSeconds": 3},
            "/app-health/shop/poststartz": {"httpGet": {"port": 1}, "timeoutSeconds": 30},
            "/app-health/db/readyz": {"tcpSocket": {"port": 5432}, "timeoutSeconds": 1},
            "/app-health/rpc/livez": {"grpc": {"port": 50051, "service": "rpc"}},
            "/app-health/rpc/readyz": {"grpc": {"port": 50051, "service": None}},
        }
    )
    assert decode(text) == {
        "/app-health/shop/livez": HttpProbe(8080, "/alive", True, (("Host", "shop"), ("X-Empty", "")), 3.0),
        "/app-health/shop/poststartz": HttpProbe(1, "/", False, (), 30.0),
        "/app-health/db/readyz": TcpProbe(5432, 1.0),
        "/app-health/rpc/livez": GrpcProbe(50051, "rpc", 1.0),
        "/app-health/rpc/readyz": GrpcProbe(50051, "", 1.0),
    }


def test_what_the_kubelet_learns_later_is_no_obstacle() -> None:
    text = '{"/app-health/a/livez": {"tcpSocket": {"port": 1, "newer": true}, "newer": {}}}'
    assert decode(text) == {"/app-health/a/livez": TcpProbe(1, 1.0)}


def test_a_dollar_that_was_hidden_from_the_kubelet() -> None:
    (probe,) = decode(
        r'{"/app-health/a/livez": {"httpGet": {"path": "/\u0024(POD_IP)", "port": 1}}}'
    ).values()
    assert isinstance(probe, HttpProbe)
    assert probe.path == "/$(POD_IP)"


@pytest.mark.parametrize(
    ("definitions", "message"),
    [
        ([], "Expected `object`, got `array`"),
        ({"/ready": {"tcpSocket": {"port": 1}}}, "'/ready': expected a path that starts with /app-health/"),
        ({"/app-health/a/livez": {}}, "expected just one of httpGet, tcpSocket, grpc"),
        (
            {"/app-health/a/livez": {"tcpSocket": {"port": 1}, "grpc": {"port": 1}}},
            "expected just one of httpGet, tcpSocket, grpc",
        ),
        ({"/app-health/a/livez": {"tcpSocket": {"port": 0}}}, ">= 1 - at `$[...].tcpSocket.port`"),
        ({"/app-health/a/livez": {"tcpSocket": {"port": "http"}}}, "Expected `int`, got `str`"),
        ({"/app-health/a/livez": {"httpGet": {"port": 1, "scheme": "FTP"}}}, "scheme"),
        ({"/app-health/a/livez": {"tcpSocket": {"port": 1}, "timeoutSeconds": 0}}, "timeoutSeconds"),
        (
            {"/app-health/a/livez": {"httpGet": {"port": 1, "httpHeaders": [{"name": "a b"}]}}},
            "httpHeaders[0].name",
        ),
        (
            {
                "/app-health/a/livez": {
                    "httpGet": {"port": 1, "httpHeaders": [{"name": "a", "value": "\r\n"}]}
                }
            },
            "httpHeaders[0].value",
        ),
    ],
)
def test_anything_else_is_refused(definitions: Any, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - messages have brackets
        decode(json.dumps(definitions))
    assert message in str(refused.value)
