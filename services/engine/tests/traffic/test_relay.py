"""One exchange between two streams, as a dialogue: what each side says, and what the other hears."""

from __future__ import annotations

from collections.abc import Callable

import engine_configurations as configurations
import pytest
from fake_ends import TARGET, Application, Client, Surroundings

from microgateway_engine.config.runtime import ApplicationRuntime, Runtime
from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import END, Data, End
from microgateway_engine.http1.heads import parse_request_head, parse_response_head
from microgateway_engine.traffic.exchange import Exchange, Peer
from microgateway_engine.traffic.outcome import Outcome
from microgateway_engine.traffic.relay import MAX_UNSENT, Relay
from microgateway_engine.traffic.sides import Processed

PEER = Peer("192.0.2.7", 50000, "10.0.0.5", 13378)
OK = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Length: 2", "GET")

#: Starts a relay: (request line, header lines) to relay, client and server.
Start = Callable[..., tuple[Relay, Client, Surroundings]]


@pytest.fixture
def application(make_runtime: Callable[..., Runtime]) -> ApplicationRuntime:
    config = configurations.application(request_timeout=60, upstream_timeout=15)
    return make_runtime(configurations.gateway_config(config)).applications[configurations.PORT]


@pytest.fixture
def start(application: ApplicationRuntime) -> Start:
    def make(line: str, *fields: str, kept: Application | None = None) -> tuple[Relay, Client, Surroundings]:
        head = parse_request_head("\r\n".join([f"{line} HTTP/1.1", "Host: shop", *fields]).encode())
        client, server = Client(), Surroundings(application)
        if kept is not None:
            server.kept.append(kept)
        relay = Relay(server, client, Exchange(application, PEER, head), TARGET)
        relay.begin()
        return relay, client, server

    return make


def connected(server: Surroundings) -> Application:
    """The last attempt succeeds."""
    application = Application()
    server.attempts[-1].relay.upstream_connected(application)
    return application


def test_a_request_goes_out_on_a_kept_connection_and_its_response_comes_back(start: Start) -> None:
    kept = Application()
    relay, client, server = start("GET /a", kept=kept)
    assert kept.said == [("GET", b"/a", b"", True)]
    relay.response_events([OK, Data(b"ok"), END])
    assert client.heard == [200, b"ok", ("end", ()), "whole"]
    assert kept.said[1:] == ["finish"]
    assert [exchange.outcome for exchange in server.ended] == [Outcome.FORWARDED]
    assert server.attempts == []


def test_what_comes_while_it_connects_goes_out_together(start: Start) -> None:
    relay, _, server = start("PUT /open", "Content-Length: 6")
    relay.request_data(b"abc")
    relay.request_data(b"def")
    relay.request_end()
    assert connected(server).said == [("PUT", b"/open", b"abcdef", True)]


def test_what_comes_later_goes_out_as_it_comes(start: Start) -> None:
    relay, _, server = start("PUT /open", "Transfer-Encoding: chunked")
    application = connected(server)
    relay.request_data(b"abc")
    relay.request_end(((b"x", b"1"),))
    assert application.said == [("PUT", b"/open", b"", False), b"abc", ("end", ((b"x", b"1"),))]


def test_a_client_that_is_faster_than_the_connection_waits(start: Start) -> None:
    relay, client, server = start("PUT /open", f"Content-Length: {10 * MAX_UNSENT}")
    relay.request_data(b"x" * MAX_UNSENT)
    paused = [client.reading_paused]
    relay.request_data(b"x")
    paused.append(client.reading_paused)
    connected(server)
    paused.append(client.reading_paused)
    assert paused == [False, True, False]


@pytest.mark.parametrize(
    ("method", "processed", "again"),
    [
        ("GET", Processed.HARDLY, True),
        ("DELETE", Processed.HARDLY, True),
        ("POST", Processed.HARDLY, False),
        ("GET", Processed.PERHAPS, False),
        ("POST", Processed.NO, True),
    ],
)
def test_what_may_be_sent_again_is(method: str, processed: Processed, again: bool, start: Start) -> None:
    kept = Application()
    relay, client, server = start(f"{method} /open", kept=kept)
    relay.upstream_failed(502, "upstream_connection_closed", processed)
    if again:
        assert connected(server).said == kept.said
        assert client.heard == []
    else:
        assert client.heard == [502, "whole"]


def test_nothing_is_sent_a_third_time(start: Start) -> None:
    relay, client, server = start("GET /open", kept=Application())
    relay.upstream_failed(502, "upstream_reset", Processed.NO)
    connected(server)
    relay.upstream_failed(502, "upstream_reset", Processed.NO)
    assert client.heard == [502, "whole"]


def test_half_a_body_that_is_gone_is_not_sent_again(start: Start) -> None:
    relay, client, _ = start("PUT /open", "Content-Length: 6", kept=Application())
    relay.request_data(b"abc")
    relay.upstream_failed(502, "upstream_reset", Processed.NO)
    assert client.heard == [502, "whole"]


def test_a_head_alone_is_sent_again_with_what_came_meanwhile(start: Start) -> None:
    """As with a gRPC conversation that meets a GOAWAY."""
    relay, _, server = start("PUT /open", "Content-Length: 6", kept=Application())
    relay.upstream_failed(502, "upstream_connection_closed", Processed.NO)
    relay.request_data(b"abc")
    assert connected(server).said == [("PUT", b"/open", b"abc", False)]


def test_a_response_that_breaks_off_is_cut_off(start: Start) -> None:
    relay, client, server = start("GET /", kept=Application())
    relay.response_events([OK])
    relay.upstream_failed(502, "upstream_connection_closed", Processed.PERHAPS)
    assert client.heard == [200, "cut off"]
    assert server.ended[0].outcome is Outcome.FAILED


def test_a_response_before_the_end_of_the_request_lets_the_application_go(start: Start) -> None:
    kept = Application()
    relay, client, _ = start("PUT /open", "Content-Length: 6", kept=kept)
    relay.response_events([OK, Data(b"ok"), END])
    assert client.heard[-1] == "whole"
    assert kept.said[-1] == "abort"


def test_trailers_of_the_response_reach_the_client(start: Start) -> None:
    relay, client, _ = start("GET /open", kept=Application())
    relay.response_events([OK, Data(b"ok"), End(((b"x-sum", b"1"), (b"connection", b"x")))])
    assert client.heard[2] == ("end", ((b"x-sum", b"1"),))


def test_a_client_that_is_gone_ends_everything(start: Start) -> None:
    kept = Application()
    relay, _, server = start("GET /", kept=kept)
    relay.abandon()
    assert kept.said[-1] == "abort"
    assert server.ended[0].outcome is Outcome.CLIENT_GONE
    relay, _, server = start("GET /")
    relay.abandon()
    assert server.attempts[0].cancelled


def test_each_side_holds_up_the_other(start: Start) -> None:
    kept = Application()
    relay, client, _ = start("PUT /open", "Content-Length: 6", kept=kept)
    relay.pause_response()
    relay.resume_response()
    assert kept.said[1:] == ["pause", "resume"]
    relay.pause_request()
    paused = [client.reading_paused]
    relay.resume_request()
    assert [*paused, client.reading_paused] == [True, False]


def test_a_connection_that_comes_while_the_client_is_full_is_not_read(start: Start) -> None:
    _, client, server = start("GET /")
    client.writing_paused = True
    assert connected(server).said[0] == "pause"


def test_whose_fault_a_timeout_is(start: Start) -> None:
    relay, client, server = start("PUT /open", "Content-Length: 6", kept=Application())
    assert client.deadline == server.loop.now + 60
    relay.expire()
    assert client.heard == [408, "whole"]

    relay, client, server = start("PUT /open", "Content-Length: 6", kept=Application())
    relay.pause_request()
    client.reading_paused = True
    relay.expire()
    assert client.heard == [504, "whole"]

    relay, client, server = start("GET /", kept=Application())
    assert client.deadline == server.loop.now + 15
    relay.expire()
    assert client.heard == [504, "whole"]
    assert server.ended[0].details == "upstream_response_timeout"


def test_a_client_that_breaks_the_protocol_midway(start: Start) -> None:
    kept = Application()
    relay, client, _ = start("PUT /open", "Transfer-Encoding: chunked", kept=kept)
    relay.refuse_malformed(ProtocolError(400, "malformed chunk size"))
    assert client.heard == [400, "whole"]
    assert kept.said[-1] == "abort"


def test_a_body_is_asked_for(start: Start) -> None:
    _, client, _ = start("PUT /open", "Content-Length: 6", "Expect: 100-continue", kept=Application())
    assert client.heard == [100]
