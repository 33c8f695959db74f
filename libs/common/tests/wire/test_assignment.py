"""Who serves what is signed as well: a pod's engine takes neither another's word nor a predecessor's."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common import wire
from microgateway_common.bus.messages import Assigned, Assignment, Unassigned
from microgateway_common.names import UNKNOWN_UID, Generation, PodUid, gateway_key, pod_key
from microgateway_common.trust.signing import Authority, KeyRing, new_signing_key, verify_key

POD = pod_key("shop", "web-0")
UID = PodUid("5e0f")
KEY = new_signing_key()
AUTHORITY = Authority(KEY, {})
RING = KeyRing([verify_key(KEY)])


WEB = Assigned(gateway_key("shop", "web"))


def statement(assignment: Assignment = WEB, uid: PodUid = UID) -> wire.Statement:
    return wire.Statement(POD, uid, Generation(7), assignment, Generation(5))


DATA = wire.pack_assignment(statement(), AUTHORITY)


def kind_of(data: bytes, uid: PodUid = UID) -> wire.WireErrorKind:
    with pytest.raises(wire.WireError) as refused:
        wire.open_assignment(data, POD, uid, RING)
    return refused.value.kind


@pytest.mark.parametrize("assignment", [Assigned(gateway_key("shop", "é")), Unassigned('no "gateway"')])
def test_a_statement_survives_the_wire(assignment: Assignment) -> None:
    sent = statement(assignment)
    data = wire.pack_assignment(sent, AUTHORITY)
    assert wire.open_assignment(data, POD, UID, RING) == sent == wire.read_assignment(data)
    assert json.loads(data)["statement"]["pod"] == POD, "redis-cli shows it"


def test_another_pods_is_refused() -> None:
    other = wire.pack_assignment(msgspec.structs.replace(statement(), pod=pod_key("shop", "b")), AUTHORITY)
    assert kind_of(other) is wire.WireErrorKind.WRONG_POD


def test_a_predecessors_is_refused() -> None:
    assert kind_of(DATA, PodUid("another")) is wire.WireErrorKind.WRONG_POD


def test_where_a_uid_is_unknown_the_name_decides() -> None:
    assert wire.open_assignment(DATA, POD, UNKNOWN_UID, RING) == statement()
    anybody = wire.pack_assignment(statement(uid=UNKNOWN_UID), AUTHORITY)
    assert wire.open_assignment(anybody, POD, UID, RING).uid == UNKNOWN_UID


def test_what_nobody_signed_is_refused() -> None:
    kinds = wire.WireErrorKind
    assert kind_of(wire.pack_assignment(statement(), wire.LeaveUnsigned())) is kinds.UNTRUSTED
    assert kind_of(wire.pack_assignment(statement(), Authority(new_signing_key(), {}))) is kinds.UNKNOWN_KEY
    changed = json.loads(DATA)
    changed["statement"]["generation"] = 8
    assert kind_of(json.dumps(changed).encode()) is kinds.FORGED
    changed = json.loads(DATA)
    changed["schema"] = 1
    assert kind_of(json.dumps(changed).encode()) is kinds.UNKNOWN_SCHEMA
    assert kind_of(b" " * (wire.LARGEST_ASSIGNMENT + 1)) is kinds.OVERSIZE


def test_a_bundles_signature_is_none_of_an_assignment() -> None:
    """Each kind of message begins with its purpose."""
    encoded = msgspec.json.encode(statement())
    signed = AUTHORITY.sign(wire.Bundle(encoded, wire.Unsigned(), b"").signed)
    forged = wire.SignedAssignment(wire.SCHEMA_VERSION, msgspec.Raw(encoded), signed)
    assert kind_of(msgspec.json.encode(forged)) is wire.WireErrorKind.FORGED


@given(st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_no_byte_can_be_changed(position: int, byte: int) -> None:
    changed = DATA[:position] + bytes([byte]) + DATA[position + 1 :]
    try:
        found = wire.open_assignment(changed, POD, UID, RING)
    except wire.WireError:
        return
    assert found == statement()


@given(st.binary())
def test_arbitrary_bytes_raise_nothing_but_wire_errors(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.read_assignment(data)
