"""What an exchange with threats is reported as, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import engine_configurations as configurations
import pytest

from microgateway_common.blocks import MAX_EVENT, BlockEvent, Mode, decode_event
from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.names import pod_key
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.http1.heads import parse_request_head
from microgateway_engine.telemetry.access_log import default_line
from microgateway_engine.telemetry.block_reports import Allowance, BlockReports, block_event
from microgateway_engine.telemetry.metrics import Metrics
from microgateway_engine.telemetry.sink import LineSink
from microgateway_engine.traffic.exchange import Exchange, Peer

POD = pod_key("shop", "shop-0")
PEER = Peer("192.0.2.7", 50000, "10.0.0.5", 13378)
ATTACK = "/search?q=%3Cscript%3Ealert(1)%3C/script%3E"


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    sink = LineSink(1)
    yield Metrics(sink)
    sink.close()


@pytest.fixture
def finished(make_runtime: Callable[..., Runtime]) -> Callable[..., Exchange]:
    """An exchange under rules that block, or only log."""

    def make(
        target: str = ATTACK, handling: ThreatHandling = ThreatHandling.BLOCK, host: str = "shop.example"
    ) -> Exchange:
        config = configurations.gateway_config(content=configurations.content_security(handling))
        application = make_runtime(config, generation=7).applications[configurations.PORT]
        head = parse_request_head(f"GET {target} HTTP/1.1\r\nHost: {host}".encode())
        exchange = Exchange(application, PEER, head)
        exchange.begin()
        exchange.abandon()
        return exchange

    return make


def test_a_blocked_request_has_the_evidence_of_its_access_line(finished: Callable[..., Exchange]) -> None:
    exchange = finished()
    event = block_event(exchange, POD)
    (threat,) = event.threats
    assert event == BlockEvent(
        request_id=exchange.request_id,
        time=exchange.started_at,
        pod=POD,
        gateway=configurations.GATEWAY,
        generation=exchange.application.generation,
        port=configurations.PORT,
        client="192.0.2.7",
        method="GET",
        host="shop.example",
        path="/search",
        mode=Mode.BLOCK,
        threats=(threat,),
    )
    line = default_line(exchange)
    assert isinstance(threat.matched, str)
    assert threat.matched in line.decode()
    assert exchange.threat_lines == (threat,)


def test_what_is_only_logged_says_so(finished: Callable[..., Exchange]) -> None:
    target = f"{ATTACK}&r=%27%20union%20select%201%20from%20users--"
    event = block_event(finished(target, ThreatHandling.LOG_ONLY), POD)
    assert event.mode is Mode.LOG_ONLY
    assert len(event.threats) > 1
    assert {each.threat_handling_mode for each in event.threats} == {"LogOnly"}


def test_an_event_is_small_and_has_no_secret(finished: Callable[..., Exchange], metrics: Metrics) -> None:
    secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.dBjftJeZ4CVP"
    sent: list[bytes] = []

    def take(event: bytes) -> bool:
        sent.append(event)
        return True

    reports = BlockReports(POD, metrics, take, Allowance())
    many = "&".join(f"{'n' * 500}{number}=%3Cscript%3E{'x' * 50}" for number in range(50))
    for target in (f"/{secret}/{'p.' * 2000}?{many}", f"/{'p.' * 500}{secret}?{many}"):
        reports.report(finished(target, ThreatHandling.LOG_ONLY, host=f"{secret}.example"))
    for data in sent:
        assert len(data) <= MAX_EVENT
        assert secret[:20].encode() not in data
        event = decode_event(data)
        assert event.omitted > 0
        assert event.path.endswith("…")


def test_a_flood_is_reported_up_to_the_allowance_and_counted(
    finished: Callable[..., Exchange], metrics: Metrics
) -> None:
    now = 0.0
    sent: list[bytes] = []

    def take(event: bytes) -> bool:
        sent.append(event)
        return True

    reports = BlockReports(POD, metrics, take, Allowance(rate=10, clock=lambda: now))
    exchange = finished()
    for _ in range(200):
        reports.report(exchange)
    assert (len(sent), metrics.block_events_dropped) == (100, 100)
    now = 0.25
    for _ in range(200):
        reports.report(exchange)
    assert len(sent) == 102
    now = 1e6
    for _ in range(200):
        reports.report(exchange)
    assert len(sent) == 202


def test_whoever_wants_no_events_gets_none(finished: Callable[..., Exchange], metrics: Metrics) -> None:
    BlockReports(POD, metrics, lambda _: True, Allowance(rate=0)).report(finished())
    assert metrics.block_events_dropped == 1


def test_what_is_not_taken_is_counted(finished: Callable[..., Exchange], metrics: Metrics) -> None:
    BlockReports(POD, metrics, lambda _: False, Allowance()).report(finished())
    assert metrics.block_events_dropped == 1
