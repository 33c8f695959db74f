from __future__ import annotations

import httpx
import pytest

from microgateway_common.settings import Address
from microgateway_config_api.app import create_app
from microgateway_config_api.loopback_only import names_loopback
from microgateway_config_api.settings import Settings


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8090", "LOCALHOST", "127.0.0.1:8090", "127.8.9.1", "[::1]", "[::1]:8090", ""],
)
def test_names_of_the_loopback(host: str) -> None:
    assert names_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:8090",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
        ),
        *(
            "[::2]:8090",
            "localhost:x:y",
            "127.0.0.1@evil.example",
            "evil.example#localhost",
            " localhost",
            ":80",
        ),
    ],
)
def test_any_other_name(host: str) -> None:
    assert not names_loopback(host)


async def status_of(settings: Settings, host: str) -> tuple[int, str]:
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/openapi.json", headers={"Host": host})
    return answer.status_code, answer.json().get("type", "")


async def test_on_the_loopback_a_foreign_name_gets_nothing() -> None:
    local = Settings(listen=Address("127.0.0.1", 8090))
    assert await status_of(local, "evil.example:8090") == (421, "urn:microgateway:error:misdirected")
    assert await status_of(local, "127.0.0.1:8090") == (200, "")


async def test_who_listens_elsewhere_has_whatever_name_it_is_given() -> None:
    assert await status_of(Settings(listen=Address("0.0.0.0", 8090)), "config-api") == (200, "")
