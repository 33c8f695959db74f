"""What Prometheus reads of the webhook."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
from fastapi import FastAPI

from microgateway_webhook.metrics import Metrics


async def test_calls_that_failed_are_counted_by_handler() -> None:
    app, metrics = FastAPI(), Metrics()

    @app.post("/mutate")
    async def mutate() -> None:
        raise RuntimeError

    @app.post("/validate")
    async def validate() -> None:
        pass

    metrics.install(app, ["/mutate", "/validate"])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://webhook") as client:
        before = (await client.get("/metrics")).text
        await client.post("/mutate")
        await client.post("/validate")
        text = (await client.get("/metrics")).text
    assert 'microgateway_webhook_failures_total{handler="/mutate"} 0.0' in before
    assert 'microgateway_webhook_failures_total{handler="/mutate"} 1.0' in text
    assert 'microgateway_webhook_failures_total{handler="/validate"} 0.0' in text
    assert 'requests_total{handler="/validate",method="POST",status="2xx"} 1.0' in text
    assert 'microgateway_webhook_http_request_duration_seconds_bucket{handler="/validate"' in text


def test_the_end_of_certificates_is_a_time() -> None:
    metrics = Metrics()
    metrics.certificate("serving", datetime(2030, 1, 1, tzinfo=UTC))
    labels = {"use": "webhook", "certificate": "serving"}
    value = metrics.registry.get_sample_value("microgateway_certificate_expiry_timestamp_seconds", labels)
    assert value == datetime(2030, 1, 1, tzinfo=UTC).timestamp()
