from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from microgateway_common.blocks import (
    MAX_EVENT,
    MAX_THREATS,
    BlockEvent,
    Mode,
    PlaceLine,
    ResourceLine,
    ThreatLine,
    cut,
    decode_event,
    encode_event,
)
from microgateway_common.names import Generation, gateway_key, pod_key

LONG = "\U0001f512" * 5000
THREAT = ThreatLine(
    "deny_rules",
    "XSS",
    "Block",
    ResourceLine("DenyRules", "shop", "web", 3),
    rule_key="XSS",
    rule_id="XSS-010",
    level="Standard",
    description="a script element",
    place=PlaceLine("Parameter", "q", "value"),
    decoding=("url",),
    matched="<script>",
)
EVENT = BlockEvent(
    request_id="5f0c7d6a",
    time=1767225600.5,
    pod=pod_key("shop", "web-0"),
    gateway=gateway_key("shop", "web"),
    generation=Generation(7),
    port=8080,
    client="192.0.2.7",
    method="GET",
    host="shop.example",
    path="/search",
    mode=Mode.BLOCK,
    threats=(THREAT,),
)


def test_an_event_comes_back_as_it_went() -> None:
    assert decode_event(encode_event(EVENT)) == EVENT


def test_the_largest_event_keeps_the_threat_that_decided() -> None:
    worst = replace(
        THREAT,
        resource=ResourceLine("DenyRules", "n" * 253, "n" * 253, 3),
        rule_key=LONG,
        rule_id=LONG,
        description=LONG,
        place=PlaceLine("Parameter", LONG, "value"),
        decoding=(LONG,) * 5000,
        matched=LONG,
    )
    event = replace(
        EVENT,
        request_id=LONG,
        client=LONG,
        method=LONG,
        host=LONG,
        path=LONG,
        pod=pod_key("n" * 253, "n" * 253),
        gateway=gateway_key("n" * 253, "n" * 253),
        threats=(worst,) * 500,
    )
    data = encode_event(event)
    assert len(data) <= MAX_EVENT
    kept = decode_event(data)
    assert kept.threats
    assert len(kept.threats) + kept.omitted == 500


def test_more_threats_than_people_read_are_counted() -> None:
    kept = decode_event(encode_event(replace(EVENT, threats=(THREAT,) * 50)))
    assert (len(kept.threats), kept.omitted) == (MAX_THREATS, 50 - MAX_THREATS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        encode_event(EVENT) + b" " * MAX_EVENT,
        msgspec.json.encode(replace(EVENT, threats=())),
        encode_event(EVENT).replace(b'"block"', b'"maybe"'),
    ],
)
def test_what_is_no_event_is_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_event(data)


def test_a_cut_text_shows_that_it_was_cut() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
