from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from microgateway_reconciler.kubernetes.api import ApiError, ApiServer
from microgateway_reconciler.kubernetes.connection import connect
from microgateway_reconciler.kubernetes.target import InCluster, Kubeconfig, NoAccessError, own_namespace

Serve = Callable[[Any], AbstractAsyncContextManager[ApiServer]]


async def test_no_way_to_the_api_server_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(NoAccessError, match="host/port"):
        await connect(InCluster(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    with pytest.raises(NoAccessError, match="token"):
        await connect(InCluster(tmp_path))
    with pytest.raises(NoAccessError):
        await connect(Kubeconfig(tmp_path / "none", None))


def test_the_namespace_is_beside_the_token(tmp_path: Path) -> None:
    assert own_namespace(InCluster(tmp_path)) is None
    (tmp_path / "namespace").write_text("mgw\n")
    assert own_namespace(InCluster(tmp_path)) == "mgw"
    assert own_namespace(Kubeconfig(None, None)) is None


async def test_a_refusal_says_what_the_server_says(serve: Serve) -> None:
    async def refuse(_: web.Request) -> web.Response:
        body = {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "pods is forbidden"}
        return web.json_response(body, status=403)

    async with serve(refuse) as api:
        with pytest.raises(ApiError, match="403 Forbidden: pods is forbidden"):
            await api.get("/api/v1/pods")


async def test_what_is_no_json_is_a_refusal_too(serve: Serve) -> None:
    async def proxy(_: web.Request) -> web.Response:
        return web.Response(text="<html>bad gateway</html>", status=502)

    async with serve(proxy) as api:
        with pytest.raises(ApiError, match="502 Unreadable: <html>") as caught:
            await api.get("/api/v1/pods")
        assert not caught.value.gone
