"""SignedAssignment: which gateway a pod's engine serves, vouched for. JSON, so that redis-cli shows it."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from microgateway_common.bus.messages import Assigned, Unassigned
from microgateway_common.decoding import decode
from microgateway_common.names import UNKNOWN_UID, Generation, PodKey, PodUid

from .bundle import SCHEMA_VERSION
from .errors import WireError, WireErrorKind
from .trust import Signature, Signer, Trust

#: Bytes; names of Kubernetes objects are short.
LARGEST_ASSIGNMENT: Final = 16 * 1024

_PURPOSE = b"microgateway assignment\0"


class Statement(Struct, frozen=True):
    """What is signed. uid: of the pod; an engine that knows its own refuses another's.
    generation: as a bundle's, of the pod. floor: the gateway's bundle that was published when this was said;
    an engine that has none yet takes no older one. 0 when there was none.
    """

    pod: PodKey
    uid: PodUid
    generation: Generation
    assignment: Assigned | Unassigned
    floor: Generation = Generation(0)


class SignedAssignment(Struct, frozen=True):
    """statement: JSON of a Statement, kept as bytes since the signature is over them."""

    schema: int
    statement: msgspec.Raw
    signature: Signature


_encode = msgspec.json.Encoder(order="deterministic").encode
_envelope_decoder = msgspec.json.Decoder(SignedAssignment)
_statement_decoder = msgspec.json.Decoder(Statement)


def pack_assignment(statement: Statement, signer: Signer) -> bytes:
    """The bytes of a statement on the bus."""
    encoded = _encode(statement)
    return _encode(SignedAssignment(SCHEMA_VERSION, msgspec.Raw(encoded), signer.sign(_signed(encoded))))


def read_assignment(data: bytes) -> Statement:
    """The statement, believed without any check: for display, never to act upon. Raises WireError."""
    return _statement(_read_envelope(data))


def verify_assignment(data: bytes, pod: PodKey, trust: Trust) -> tuple[Statement, Signature]:
    """Check the bytes. Raises WireError: no assignment, not trusted, another pod's."""
    envelope = _read_envelope(data)
    trust.check(_signed(bytes(envelope.statement)), envelope.signature)
    statement = _statement(envelope)
    if statement.pod != pod:
        raise WireError(
            WireErrorKind.WRONG_POD, f"expected an assignment of pod {pod}, got one of {statement.pod}"
        )
    return statement, envelope.signature


def open_assignment(data: bytes, pod: PodKey, uid: PodUid, trust: Trust) -> Statement:
    """As the engine of a pod reads it. uid: its own, UNKNOWN_UID accepts any.

    Raises WireError: as `verify_assignment`, and the assignment of a predecessor by the same name.
    """
    statement, _ = verify_assignment(data, pod, trust)
    if UNKNOWN_UID not in (uid, statement.uid) and uid != statement.uid:
        raise WireError(
            WireErrorKind.WRONG_POD,
            f"expected an assignment of pod {pod} with uid {uid}, got one with uid {statement.uid}",
        )
    return statement


def _signed(statement: bytes) -> bytes:
    return b"".join((_PURPOSE, bytes([SCHEMA_VERSION]), statement))


def _read_envelope(data: bytes) -> SignedAssignment:
    if len(data) > LARGEST_ASSIGNMENT:
        raise WireError(
            WireErrorKind.OVERSIZE,
            f"expected an assignment of at most {LARGEST_ASSIGNMENT} bytes, got {len(data)}",
        )
    try:
        envelope = decode(_envelope_decoder, data)
    except msgspec.MsgspecError as error:
        raise WireError(WireErrorKind.MALFORMED, f"assignment does not decode: {error}") from error
    if envelope.schema != SCHEMA_VERSION:
        raise WireError(
            WireErrorKind.UNKNOWN_SCHEMA,
            f"expected an assignment of schema version {SCHEMA_VERSION}, got {envelope.schema}",
        )
    return envelope


def _statement(envelope: SignedAssignment) -> Statement:
    try:
        return decode(_statement_decoder, bytes(envelope.statement))
    except msgspec.MsgspecError as error:
        raise WireError(WireErrorKind.MALFORMED, f"assignment does not decode: {error}") from error
