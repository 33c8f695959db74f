"""Bundle: one compiled gateway on the wire."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import Digest, GatewayKey, Generation

from .errors import WireError, WireErrorKind
from .trust import Signature, Signer, Trust

MAGIC = b"MGW"

#: Raised whenever a type of the IR changes in a way that older engines cannot read.
SCHEMA_VERSION = 1


class Header(Struct, frozen=True):
    """What is signed."""

    gateway: GatewayKey
    generation: Generation
    digest: Digest


class Bundle(Struct, frozen=True):
    """header: MessagePack of a Header, kept as bytes since the signature is over them.
    payload: MessagePack of a GatewayConfig.
    """

    header: bytes
    signature: Signature
    payload: bytes


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_bundle_decoder = msgspec.msgpack.Decoder(Bundle)
_header_decoder = msgspec.msgpack.Decoder(Header)
_config_decoder = msgspec.msgpack.Decoder(GatewayConfig)


def encode(config: GatewayConfig) -> bytes:
    """The payload: equal configurations give equal bytes."""
    return _encoder.encode(config)


def digest_of(payload: bytes) -> Digest:
    return Digest("sha256:" + hashlib.sha256(payload).hexdigest())


def pack(gateway: GatewayKey, generation: Generation, payload: bytes, signer: Signer) -> bytes:
    """The wire bytes of a payload under a generation."""
    header = _encoder.encode(Header(gateway, generation, digest_of(payload)))
    bundle = Bundle(header, signer.sign(header), payload)
    return MAGIC + bytes([SCHEMA_VERSION]) + _encoder.encode(bundle)


def peek(data: bytes) -> Header:
    """The header of wire bytes, believed without any check: for display and ordering, never to apply.

    Raises WireError when the bytes are no bundle of this schema.
    """
    return _read_header(_read_envelope(data))


def open_bundle(data: bytes, expected: GatewayKey, trust: Trust) -> tuple[Header, GatewayConfig]:
    """Check wire bytes and decode them.

    Raises WireError: not a bundle, another schema, not trusted, another gateway's, payload that does
    not fit its digest or the IR.
    """
    bundle = _read_envelope(data)
    trust.check(bundle.header, bundle.signature)
    header = _read_header(bundle)
    if header.gateway != expected:
        raise WireError(
            WireErrorKind.WRONG_GATEWAY, f"expected a bundle of gateway {expected}, got {header.gateway}"
        )
    actual = digest_of(bundle.payload)
    if actual != header.digest:
        raise WireError(
            WireErrorKind.DIGEST_MISMATCH, f"expected payload with digest {header.digest}, got {actual}"
        )
    try:
        config = _config_decoder.decode(bundle.payload)
    except msgspec.MsgspecError as error:
        raise WireError(WireErrorKind.INVALID_PAYLOAD, f"payload is no configuration: {error}") from error
    return header, config


def _read_envelope(data: bytes) -> Bundle:
    if data[:3] != MAGIC or len(data) < 4:
        raise WireError(
            WireErrorKind.NOT_A_BUNDLE, f"expected a bundle, got {len(data)} bytes without its magic"
        )
    if data[3] != SCHEMA_VERSION:
        raise WireError(
            WireErrorKind.UNKNOWN_SCHEMA, f"expected schema version {SCHEMA_VERSION}, got {data[3]}"
        )
    try:
        return _bundle_decoder.decode(memoryview(data)[4:])
    except msgspec.MsgspecError as error:
        raise WireError(WireErrorKind.MALFORMED, f"bundle does not decode: {error}") from error


def _read_header(bundle: Bundle) -> Header:
    try:
        return _header_decoder.decode(bundle.header)
    except msgspec.MsgspecError as error:
        raise WireError(WireErrorKind.MALFORMED, f"bundle header does not decode: {error}") from error
