"""Headers of W3C Trace Context, in and out."""

from __future__ import annotations

import pytest

from microgateway_engine.telemetry.tracing.context import NoParent, Parent, fields, parent_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01".encode()


def test_a_valid_parent_is_read_with_its_state() -> None:
    headers = [(b"tracestate", b"a=1"), (b"traceparent", VALID), (b"tracestate", b" b=2\t")]
    assert parent_of(headers) == Parent(TRACE, SPAN, 1, "a=1,b=2")


def test_later_versions_may_say_more() -> None:
    assert parent_of([(b"traceparent", b"01" + VALID[2:] + b"-what-comes")]) == Parent(TRACE, SPAN, 1, "")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"garbage",
        VALID.upper(),
        VALID[:-1],
        VALID + b"-more",
        b"ff" + VALID[2:],
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        b"\xff" * 55,
    ],
)
def test_what_is_not_valid_counts_as_absent(value: bytes) -> None:
    assert parent_of([(b"traceparent", value), (b"tracestate", b"a=1")]) == NoParent()


def test_two_parents_are_none() -> None:
    assert parent_of([(b"traceparent", VALID), (b"traceparent", VALID)]) == NoParent()


@pytest.mark.parametrize("state", [b"a=" + b"x" * 600, b"a=\xe9", b"a=\x01"])
def test_a_state_that_cannot_go_on_is_dropped(state: bytes) -> None:
    assert parent_of([(b"traceparent", VALID), (b"tracestate", state)]) == Parent(TRACE, SPAN, 1, "")


def test_what_goes_on_can_be_read_again() -> None:
    assert parent_of(fields(TRACE, SPAN, 1, "a=1")) == Parent(TRACE, SPAN, 1, "a=1")
    assert fields(TRACE, SPAN, 0, "") == [(b"traceparent", f"00-{TRACE}-{SPAN}-00".encode())]
