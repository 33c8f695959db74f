"""A request and its response as a dialogue: message values in, actions out."""

from __future__ import annotations

from collections.abc import Callable

import engine_configurations as configurations
import pytest

from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.ir.gateway import ConnectionAddress, HeaderAddress
from microgateway_common.ir.header_rewrites import OperationalMode
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.http.messages import NO_BODY, STREAMED, Length
from microgateway_engine.http1.heads import parse_request_head, parse_response_head
from microgateway_engine.traffic.actions import CUT_OFF, PASS_ON, Forward, Hold
from microgateway_engine.traffic.exchange import Exchange, Peer, Stage
from microgateway_engine.traffic.outcome import Outcome
from microgateway_engine.traffic.replies import Reply

PEER = Peer("192.0.2.7", 50000, "10.0.0.5", 13378)

Begin = Callable[..., Exchange]


@pytest.fixture
def begin(make_runtime: Callable[..., Runtime]) -> Begin:
    """An exchange with this request line and these headers, under the configuration given."""

    def make(line: str, *headers: str, body: bytes | None = None, **content: object) -> Exchange:
        remote = content.pop("remote_address", ConnectionAddress())
        config = configurations.gateway_config(
            configurations.application(remote_address=remote),  # type: ignore[arg-type]
            content=configurations.content_security(**content),  # type: ignore[arg-type]
        )
        fields = [f"{line} HTTP/1.1", "Host: shop", *headers]
        if body is not None:
            fields.append(f"Content-Length: {len(body)}")
        application = make_runtime(config).applications[configurations.PORT]
        return Exchange(application, PEER, parse_request_head("\r\n".join(fields).encode()))

    return make


def forwarded(action: object) -> Forward:
    assert isinstance(action, Forward), action
    assert len(dict(action.headers)) == len(action.headers)
    return action


def replied(action: object) -> tuple[int, dict[bytes, bytes], bytes]:
    assert isinstance(action, Reply), action
    return action.status, dict(action.headers), action.body


def respond(exchange: Exchange, head: bytes) -> dict[bytes, bytes]:
    return dict(exchange.response_head(parse_response_head(head, exchange.method)))


# Passing


def test_a_harmless_request_goes_through_with_its_rewrites_and_whom_it_is_from(begin: Begin) -> None:
    exchange = begin("GET /a/../b?q=tea", "X-Mine: 1", "X-Forwarded-For: 10.1.1.1", "Connection: x-mine")
    sent = forwarded(exchange.begin())
    assert (sent.method, sent.target, sent.authority) == ("GET", b"/b?q=tea", b"shop")
    assert dict(sent.headers) == {
        b"x-request": b"in",
        b"x-forwarded-for": b"10.1.1.1, 192.0.2.7",
        b"x-forwarded-proto": b"http",
        b"x-request-id": exchange.request_id.encode(),
    }
    assert (sent.framing, sent.body, sent.complete) == (NO_BODY, b"", True)

    headers = respond(exchange, b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nKeep-Alive: timeout=5")
    assert headers == {b"x-response": b"out", b"content-length": b"2"}
    exchange.response_data(b"ok")
    assert exchange.response_end() == ()
    assert (exchange.outcome, exchange.stage, exchange.status) == (Outcome.FORWARDED, Stage.CLOSED, 200)
    assert exchange.response_body_bytes == 2


def test_an_unsecured_route_is_neither_inspected_nor_rewritten(begin: Begin) -> None:
    exchange = begin("GET /open?q=%27%20UNION%20SELECT%20a%20FROM%20b")
    assert b"x-request" not in dict(forwarded(exchange.begin()).headers)
    assert b"x-response" not in respond(exchange, b"HTTP/1.1 204 No Content")


def test_a_body_that_a_parser_reads_is_held_until_it_is_whole(begin: Begin) -> None:
    body = b'{"name": "tea", "price": 3}'
    exchange = begin("POST /items", "Content-Type: application/json", body=body)
    assert isinstance(exchange.begin(), Hold)
    assert isinstance(exchange.request_data(body[:10]), Hold)
    assert isinstance(exchange.request_data(body[10:]), Hold)
    sent = forwarded(exchange.request_end())
    assert (sent.body, sent.complete) == (body, True)
    assert dict(sent.headers)[b"content-length"] == str(len(body)).encode()


def test_chunks_that_were_held_go_on_with_a_length(begin: Begin) -> None:
    exchange = begin("POST /", "Content-Type: application/json", "Transfer-Encoding: chunked")
    exchange.begin()
    exchange.request_data(b"[1,")
    exchange.request_data(b"2]")
    sent = forwarded(exchange.request_end())
    assert (sent.framing, sent.body) == (Length(5), b"[1,2]")
    assert dict(sent.headers)[b"content-length"] == b"5"
    assert b"transfer-encoding" not in dict(sent.headers)


def test_a_body_that_no_parser_reads_streams(begin: Begin) -> None:
    exchange = begin("PUT /file", "Content-Type: application/octet-stream", "Transfer-Encoding: chunked")
    sent = forwarded(exchange.begin())
    assert (sent.framing, sent.complete) == (STREAMED, False)
    assert b"transfer-encoding" not in dict(sent.headers)
    assert exchange.request_data(b"abc") is PASS_ON
    assert exchange.request_end() is PASS_ON


def test_expect_is_answered_by_the_gateway_once(begin: Begin) -> None:
    exchange = begin("PUT /file", "Content-Type: image/png", "Expect: 100-continue", body=b"abc")
    sent = forwarded(exchange.begin())
    assert exchange.expects_continue
    assert b"expect" not in dict(sent.headers)


# Refusing


@pytest.mark.parametrize(
    ("line", "headers", "body", "kind"),
    [
        ("GET /?q=%27%20UNION%20SELECT%20a%20FROM%20b--", [], None, "SQL"),
        (
            "POST /",
            ["Content-Type: application/x-www-form-urlencoded"],
            b"comment=<script>alert(1)</script>",
            "XSS",
        ),
        ("POST /", ["Content-Type: application/json"], b'{"a": {"b": ["; cat /etc/passwd"]}}', "UNIXCMD"),
        ("POST /", ["Content-Type: application/json"], b'{"a": ', "json_malformed"),
        ("GET /" + "a" * 200, [], None, "general_path_length"),
    ],
)
def test_an_attack_is_answered_with_400_and_nothing_is_forwarded(
    begin: Begin, line: str, headers: list[str], body: bytes | None, kind: str
) -> None:
    exchange = begin(line, *headers, body=body)
    action = exchange.begin()
    if body is not None:
        assert isinstance(action, Hold)
        exchange.request_data(body)
        action = exchange.request_end()
    status, answer, text = replied(action)
    assert status == 400
    assert answer[b"x-request-id"] == exchange.request_id.encode()
    assert exchange.request_id.encode() in text
    assert exchange.outcome is Outcome.BLOCKED
    assert exchange.blocked_by in exchange.threats
    assert kind in str(exchange.blocked_by)


def test_log_only_reports_and_changes_nothing(begin: Begin) -> None:
    exchange = begin("GET /?q=%27%20UNION%20SELECT%20a%20FROM%20b", handling=ThreatHandling.LOG_ONLY)
    assert forwarded(exchange.begin()).target == b"/?q=%27%20UNION%20SELECT%20a%20FROM%20b"
    assert [threat.handling for threat in exchange.threats] == [ThreatHandling.LOG_ONLY]
    assert exchange.blocked_by is None


def test_an_announced_body_above_the_limit_is_refused_before_it_comes(begin: Begin) -> None:
    exchange = begin("POST /", "Content-Type: application/json", "Expect: 100-continue", body=b"x" * 501)
    status, _, _ = replied(exchange.begin())
    assert status == 400
    assert not exchange.expects_continue


def test_a_stream_above_the_limit_is_refused_when_it_gets_there(begin: Begin) -> None:
    exchange = begin("PUT /file", "Content-Type: image/png", "Transfer-Encoding: chunked")
    forwarded(exchange.begin())
    assert exchange.request_data(b"x" * 1000) is PASS_ON
    status, _, _ = replied(exchange.request_data(b"x"))
    assert status == 400


def test_log_only_over_the_limit_inspects_what_was_held_and_streams_the_rest(begin: Begin) -> None:
    exchange = begin(
        "POST /",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
        handling=ThreatHandling.LOG_ONLY,
    )
    assert isinstance(exchange.begin(), Hold)
    assert isinstance(exchange.request_data(b'["' + b"a" * 490), Hold)
    sent = forwarded(exchange.request_data(b"a" * 20))
    assert (sent.framing, len(sent.body), sent.complete) == (STREAMED, 512, False)
    assert exchange.request_data(b'"]') is PASS_ON
    assert exchange.request_end() is PASS_ON
    assert "json_body_size" in str(exchange.threats)


def test_a_required_client_address_that_is_missing_is_forbidden(begin: Begin) -> None:
    source = HeaderAddress("X-Client", required=True)
    status, _, _ = replied(begin("GET /", remote_address=source).begin())
    assert status == 403
    exchange = begin("GET /", "X-Client: 198.51.100.4", remote_address=source)
    forwarded(exchange.begin())
    assert exchange.client == "198.51.100.4"


def test_a_target_that_breaks_the_protocol_is_refused(begin: Begin) -> None:
    exchange = begin("GET /a#b")
    status, _, _ = replied(exchange.begin())
    assert status == 400
    assert exchange.malformed


def test_the_whole_server_is_asked_where_the_root_is_routed(begin: Begin) -> None:
    assert forwarded(begin("OPTIONS *").begin()).target == b"*"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", b"text/plain; charset=utf-8"),
        ("text/html,*/*", b"text/html; charset=utf-8"),
        ("application/json", b"application/problem+json"),
    ],
)
def test_a_refusal_speaks_the_form_the_client_asked_for(
    begin: Begin, accept: str, content_type: bytes
) -> None:
    exchange = begin("GET /?q=%27%20UNION%20SELECT%20a%20FROM%20b", f"Accept: {accept}")
    _, headers, body = replied(exchange.begin())
    assert headers[b"content-type"] == content_type
    assert int(headers[b"content-length"]) == len(body)


def test_a_refused_head_request_gets_no_body(begin: Begin) -> None:
    _, headers, body = replied(begin("HEAD /?q=%27%20UNION%20SELECT%20a%20FROM%20b").begin())
    assert body == b""
    assert int(headers[b"content-length"]) > 0


# Responses


@pytest.mark.parametrize("fields", ["", "\r\nTransfer-Encoding: chunked"])
def test_a_response_without_length_gets_none(fields: str, begin: Begin) -> None:
    exchange = begin("GET /")
    exchange.begin()
    headers = respond(exchange, f"HTTP/1.1 200 OK{fields}".encode())
    assert headers == {b"x-response": b"out"}


def test_a_failing_application_is_a_gateway_error(begin: Begin) -> None:
    exchange = begin("GET /")
    exchange.begin()
    status, _, _ = replied(exchange.fail(502, "upstream_connection_closed"))
    assert status == 502
    assert (exchange.outcome, exchange.details) == (Outcome.FAILED, "upstream_connection_closed")


def test_a_response_that_breaks_off_cannot_be_replaced(begin: Begin) -> None:
    exchange = begin("GET /")
    exchange.begin()
    respond(exchange, b"HTTP/1.1 200 OK\r\nContent-Length: 100")
    assert exchange.fail(502, "upstream_connection_closed") is CUT_OFF
    assert exchange.outcome is Outcome.FAILED
    assert exchange.status == 200


def test_integration_mode_records_each_rewrite(begin: Begin) -> None:
    exchange = begin("GET /", mode=OperationalMode.INTEGRATION)
    exchange.begin()
    respond(exchange, b"HTTP/1.1 200 OK\r\nContent-Length: 0")
    assert exchange.header_actions == [
        ("request", "request", "add", "x-request"),
        ("response", "response", "add", "x-response"),
    ]


# Trailers


def test_trailers_are_passed_on_without_what_belongs_into_a_head(begin: Begin) -> None:
    exchange = begin("PUT /file", "Content-Type: image/png", "Transfer-Encoding: chunked")
    exchange.begin()
    given = (
        (b"x-sum", b"1"),
        (b"authorization", b"Basic x"),
        (b"content-length", b"9"),
        (b"x-request", b"mine"),
    )
    assert exchange.request_end(given) is PASS_ON
    assert exchange.request_trailers == ((b"x-sum", b"1"),)  # x-request is what rewrites set
    respond(exchange, b"HTTP/1.1 200 OK")
    assert exchange.response_end(((b"grpc-status", b"0"), (b"set-cookie", b"a=b"))) == (
        (b"grpc-status", b"0"),
    )


def test_an_attack_in_trailers_is_answered_with_400(begin: Begin) -> None:
    exchange = begin("PUT /file", "Content-Type: image/png", "Transfer-Encoding: chunked")
    exchange.begin()
    status, _, _ = replied(exchange.request_end(((b"x-note", b"' UNION SELECT a FROM b--"),)))
    assert status == 400
    assert exchange.outcome is Outcome.BLOCKED


def test_an_attack_after_the_response_began_cuts_it_off(begin: Begin) -> None:
    exchange = begin("PUT /file", "Content-Type: image/png", "Transfer-Encoding: chunked")
    exchange.begin()
    respond(exchange, b"HTTP/1.1 200 OK")
    assert exchange.request_data(b"x" * 1001) is CUT_OFF
    assert (exchange.outcome, exchange.status) == (Outcome.BLOCKED, 200)


def test_a_grpc_call_has_no_limit(begin: Begin) -> None:
    exchange = begin("POST /shop.Shop/Talk", "Content-Type: application/grpc", "Transfer-Encoding: chunked")
    forwarded(exchange.begin())
    assert exchange.request_data(b"x" * 100_000) is PASS_ON
