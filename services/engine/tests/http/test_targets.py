from __future__ import annotations

import pytest

from microgateway_engine.http import targets
from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.targets import Target, check_host, request_target
from microgateway_engine.http1.heads import parse_request_head


def target(line: bytes, host: bytes = b"h") -> Target:
    head = parse_request_head(b"%b HTTP/1.1\r\nHost: %b" % (line, host))
    return request_target(head, normalize=True, merge_slashes=True)


def test_the_query_is_left_as_it_is() -> None:
    parsed = target(b"GET /a/../b?x=%2e%2e/../y")
    assert (parsed.path, parsed.query, parsed.raw) == ("/b", b"x=%2e%2e/../y", b"/b?x=%2e%2e/../y")


def test_the_absolute_form_names_the_host() -> None:
    parsed = target(b"GET http://example.org:81/x?y", host=b"other")
    assert (parsed.authority, parsed.raw) == (b"example.org:81", b"/x?y")
    assert target(b"GET http://example.org").raw == b"/"
    assert target(b"GET http://example.org?x").raw == b"/?x"


def test_bytes_above_ascii_are_percent_encoded() -> None:
    assert target("GET /ä?ö".encode()).raw == b"/%C3%A4?%C3%B6"


def test_without_normalization_the_path_stays() -> None:
    head = parse_request_head(b"GET /a/../b//c HTTP/1.1\r\nHost: x")
    assert request_target(head, normalize=False, merge_slashes=False).raw == b"/a/../b//c"


@pytest.mark.parametrize(
    ("line", "host", "status"),
    [
        (b"GET a", b"h", 400),
        (b"GET ftp://h/", b"h", 400),
        (b"GET http:///x", b"h", 400),
        (b"GET *", b"h", 400),
        (b"GET /a#b", b"h", 400),
        (b"CONNECT h:80", b"h", 501),
        (b"GET /", b"a b", 400),
        (b"GET /", b"a/b", 400),
        (b"GET /", b"user@h", 400),
        (b"GET /", b"h:x", 400),
        (b"GET /", b"a:b:80", 400),
    ],
)
def test_other_targets_and_hosts_are_refused(line: bytes, host: bytes, status: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        target(line, host)
    assert caught.value.status == status


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a"])
def test_exactly_one_host(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        request_target(parse_request_head(head), normalize=True, merge_slashes=True)


def test_http_1_0_needs_no_host() -> None:
    head = parse_request_head(b"GET / HTTP/1.0")
    assert request_target(head, normalize=True, merge_slashes=True).authority == b""


@pytest.mark.parametrize("host", [b"", b"a", b"a.b-c:80", b"a:", b"[::1]", b"[::1]:80", b"1.2.3.4:5"])
def test_hosts(host: bytes) -> None:
    check_host(host)


def test_asterisk_form_is_for_options() -> None:
    assert target(b"OPTIONS *").raw == b"*"


def test_a_host_is_refused_however_often_it_comes() -> None:
    for _ in range(2):
        assert target(b"GET /", b"good.example").authority == b"good.example"
        with pytest.raises(ProtocolError):
            target(b"GET /", b"a b")


def test_hosts_remembered_are_bounded() -> None:
    for number in range(600):
        target(b"GET /", b"host-%d.example" % number)
        assert len(targets._good_hosts) <= targets._MAX_REMEMBERED
