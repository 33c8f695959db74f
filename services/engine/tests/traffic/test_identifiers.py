"""Request and correlation ids."""

from __future__ import annotations

import os
import uuid

import pytest

from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.telemetry import (
    CorrelationHeader,
    DefaultAccessLog,
    NoCorrelation,
    RequestIds,
    Telemetry,
)
from microgateway_engine.traffic.identifiers import MAX_ID_LENGTH, correlation_id, new_id, request_id

UUID7 = "01890a5d-ac96-774b-bcce-b302099a8057"


def telemetry(*, allow: bool = True, alter: bool = False, header: str = "") -> Telemetry:
    correlation = CorrelationHeader(header) if header else NoCorrelation()
    return Telemetry(DefaultOrigin("Telemetry"), correlation, RequestIds(allow, alter), DefaultAccessLog())


def given(value: bytes, rules: Telemetry) -> str:
    return request_id(rules, [(b"x-request-id", value)])


def test_new_ids_are_random_uuids() -> None:
    made = [uuid.UUID(new_id()) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {(each.version, each.variant) for each in made} == {(4, uuid.RFC_4122)}


def test_forked_processes_make_different_ids() -> None:
    new_id()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 36).decode() != new_id()
    os.close(reading)
    os.close(writing)


def test_a_clients_id_is_kept_only_where_it_is_allowed() -> None:
    assert given(b"abc-1", telemetry()) == "abc-1"
    assert given(b"abc-1", telemetry(allow=False)) != "abc-1"
    assert uuid.UUID(request_id(telemetry(), [])).version == 4


def test_a_uuid_that_is_altered_decides_for_no_trace() -> None:
    assert given(UUID7.encode(), telemetry(alter=True)) == "01890a5d-ac96-474b-bcce-b302099a8057"
    assert given(UUID7.encode(), telemetry(alter=False)) == UUID7
    assert given(b"abc-1", telemetry(alter=True)) == "abc-1"


@pytest.mark.parametrize(
    "value",
    [b"", b"a b", b"a\tb", b'a"b', b"a\\b", b"a<b>", b"\xe9", b"a;b", b"a,b", b"a" * (MAX_ID_LENGTH + 1)],
)
def test_what_could_do_harm_in_a_log_is_no_id(value: bytes) -> None:
    assert uuid.UUID(given(value, telemetry())).version == 4
    assert correlation_id(telemetry(header="X-Correlation-Id"), [(b"x-correlation-id", value)]) == ""


def test_a_correlation_id_comes_from_the_configured_header() -> None:
    headers = [(b"x-other", b"1"), (b"x-correlation-id", b"c-1"), (b"x-correlation-id", b"c-2")]
    assert correlation_id(telemetry(header="X-Correlation-Id"), headers) == "c-1"
    assert correlation_id(telemetry(header="X-Missing"), headers) == ""
    assert correlation_id(telemetry(), headers) == ""
