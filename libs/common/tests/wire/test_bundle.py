from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common import wire
from microgateway_common.ir.gateway import (
    Application,
    AutoProtocol,
    Downstream,
    DownstreamTimeouts,
    ForwardedRanges,
    GatewayConfig,
    Http1Protocol,
    Route,
    Unsecured,
    Upstream,
    UpstreamTimeouts,
)
from microgateway_common.ir.origin import ResourceOrigin
from microgateway_common.ir.telemetry import (
    CorrelationHeader,
    CustomAccessLog,
    JsonArray,
    JsonConstant,
    JsonObject,
    JsonText,
    RequestIds,
    Telemetry,
)
from microgateway_common.ir.templates import Operator, Text
from microgateway_common.names import Digest, Generation, gateway_key

KEY = gateway_key("shop", "webshop")
GENERATION = Generation(1767225600000)


def config(prefix: str = "/", port: int = 8080) -> GatewayConfig:
    origin = ResourceOrigin("SidecarGateway", "shop", "webshop", 4)
    log = JsonObject(
        (("a", JsonArray((JsonText((Text("é"), Operator("REQ", "X", 3))), JsonConstant(None)))),)
    )
    application = Application(
        port,
        Downstream(
            AutoProtocol(True),
            ForwardedRanges(("10.0.0.0/8",)),
            True,
            True,
            60_000,
            DownstreamTimeouts(1.5, 0, 2),
        ),
        Upstream(Http1Protocol(), UpstreamTimeouts(1, 2)),
        (Route(prefix, Unsecured()),),
        Telemetry(origin, CorrelationHeader("X-Id"), RequestIds(True, False), CustomAccessLog(log)),
    )
    return GatewayConfig(KEY, origin, {}, (application,))


def packed(payload: bytes) -> bytes:
    return wire.pack(KEY, GENERATION, payload, wire.LeaveUnsigned())


def opened(data: bytes) -> tuple[wire.Header, GatewayConfig]:
    return wire.open_bundle(data, KEY, wire.AcceptUnsigned())


def envelope(header: bytes, payload: bytes, version: int = wire.SCHEMA_VERSION) -> bytes:
    """Wire bytes as `pack` writes them, of a header that it would not."""
    return b"MGW" + bytes([version]) + msgspec.msgpack.encode(wire.Bundle(header, wire.Unsigned(), payload))


PAYLOAD = wire.encode(config())
DATA = packed(PAYLOAD)


@given(st.text(), st.integers(1, 65535))
def test_a_configuration_survives_the_wire(prefix: str, port: int) -> None:
    sent = config(prefix, port)
    payload = wire.encode(sent)
    header, received = opened(packed(payload))
    assert received == sent
    assert header == wire.Header(KEY, GENERATION, wire.digest_of(payload)) == wire.peek(packed(payload))


def test_equal_configurations_have_equal_digests() -> None:
    assert wire.digest_of(wire.encode(config())) == wire.digest_of(PAYLOAD)
    assert wire.digest_of(wire.encode(config("/other"))) != wire.digest_of(PAYLOAD)


def _header(digest: Digest) -> bytes:
    return msgspec.msgpack.encode(wire.Header(KEY, GENERATION, digest))


DEEP = b"\x84\xa7gateway\xa1a" + b"\x91" * 100_000

REFUSED = {
    "older schema": (b"MGW\x01" + DATA[4:], wire.WireErrorKind.UNKNOWN_SCHEMA),
    "too large": (b"MGW\x02" + bytes(wire.LARGEST_BUNDLE), wire.WireErrorKind.OVERSIZE),
    "empty": (b"", wire.WireErrorKind.NOT_A_BUNDLE),
    "magic only": (b"MGW", wire.WireErrorKind.NOT_A_BUNDLE),
    "other magic": (b"XYZ\x01" + DATA[4:], wire.WireErrorKind.NOT_A_BUNDLE),
    "newer schema": (b"MGW\x03" + DATA[4:], wire.WireErrorKind.UNKNOWN_SCHEMA),
    "nothing after the version": (DATA[:4], wire.WireErrorKind.MALFORMED),
    "cut off": (DATA[:-1], wire.WireErrorKind.MALFORMED),
    "bytes behind the end": (DATA + b"\x00", wire.WireErrorKind.MALFORMED),
    "header is no header": (envelope(b"\x01", PAYLOAD), wire.WireErrorKind.MALFORMED),
    "header is not UTF-8": (
        envelope(_header(Digest("x")).replace(b"shop", b"\xff\xff\xff\xff"), PAYLOAD),
        wire.WireErrorKind.MALFORMED,
    ),
    "payload changed": (
        envelope(_header(wire.digest_of(PAYLOAD)), PAYLOAD + b"\x00"),
        wire.WireErrorKind.DIGEST_MISMATCH,
    ),
    "payload is no configuration": (packed(b"\x80"), wire.WireErrorKind.INVALID_PAYLOAD),
    "payload is not UTF-8": (
        packed(PAYLOAD.replace(b"X-Id", b"X-\xff\xff")),
        wire.WireErrorKind.INVALID_PAYLOAD,
    ),
    "payload nested without end": (packed(DEEP), wire.WireErrorKind.INVALID_PAYLOAD),
    "another gateway's": (
        wire.pack(gateway_key("shop", "other"), GENERATION, PAYLOAD, wire.LeaveUnsigned()),
        wire.WireErrorKind.WRONG_GATEWAY,
    ),
}


@pytest.mark.parametrize(("data", "kind"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_bundle_is_refused_with_its_kind(data: bytes, kind: wire.WireErrorKind) -> None:
    with pytest.raises(wire.WireError) as refused:
        opened(data)
    assert refused.value.kind is kind


def test_trust_decides_before_anything_is_decoded() -> None:
    with pytest.raises(wire.WireError) as refused:
        wire.open_bundle(envelope(b"\x01", b""), KEY, wire.TrustNobody())
    assert refused.value.kind is wire.WireErrorKind.UNKNOWN_KEY


def test_every_kind_that_needs_no_keys_is_tested_here() -> None:
    kinds = wire.WireErrorKind
    elsewhere = {kinds.UNTRUSTED, kinds.UNKNOWN_KEY, kinds.FORGED, kinds.SEALED}  # trust/test_signing
    elsewhere |= {kinds.WRONG_POD}  # test_assignment
    elsewhere |= {kinds.REPLAYED}  # the engine's store
    assert {kind for _, kind in REFUSED.values()} == set(kinds) - elsewhere


def test_people_see_everything_but_secrets() -> None:
    secret = msgspec.structs.replace(config(), secrets={"key": b"PRIVATE"})
    data = packed(wire.encode(secret))
    assert opened(data)[1] == secret
    assert wire.open_bundle(data, KEY, wire.ShowToPeople())[1] == secret.without_secrets()


def test_the_signature_covers_everything_that_means_something() -> None:
    """Nothing of one bundle can be exchanged for that of another: each part is in what is signed."""
    bundle = wire.Bundle(b"header", wire.Unsigned(), b"payload")
    assert bundle.signed != wire.Bundle(b"headerp", wire.Unsigned(), b"ayload").signed
    assert b"header" in bundle.signed
    assert b"payload" in bundle.signed
    assert bytes([wire.SCHEMA_VERSION]) in bundle.signed


def test_every_truncation_is_refused() -> None:
    for length in range(len(DATA)):
        with pytest.raises(wire.WireError):
            opened(DATA[:length])
        with pytest.raises(wire.WireError):
            wire.peek(DATA[:length])


@given(st.binary() | st.binary().map(lambda tail: b"MGW\x02" + tail))
def test_arbitrary_bytes_raise_nothing_but_wire_errors(data: bytes) -> None:
    for read in (opened, wire.peek):
        with pytest.raises(wire.WireError):
            read(data)


@given(st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_corrupted_bytes_raise_nothing_but_wire_errors(changes: list[tuple[int, int]]) -> None:
    data = bytearray(DATA)
    for position, byte in changes:
        data[position] = byte
    for read in (opened, wire.peek):
        try:
            read(bytes(data))
        except wire.WireError:
            continue


@given(st.integers(0, len(PAYLOAD) - 1), st.integers(0, 255))
def test_a_corrupted_payload_with_a_fitting_digest_raises_nothing_else_either(
    position: int, byte: int
) -> None:
    payload = PAYLOAD[:position] + bytes([byte]) + PAYLOAD[position + 1 :]
    refusals: list[wire.WireErrorKind] = []
    try:
        opened(packed(payload))
    except wire.WireError as error:
        refusals.append(error.kind)
    assert refusals in ([], [wire.WireErrorKind.INVALID_PAYLOAD])
