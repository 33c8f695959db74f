"""Bundle: one compiled gateway on the wire."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from msgspec import Struct

from microgateway_common.decoding import decode
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import Digest, GatewayKey, Generation

from .errors import WireError, WireErrorKind
from .trust import LeaveUnsigned, Secrets, Signature, Signer, Trust

MAGIC = b"MGW"

#: Raised whenever a type of the IR changes in a way that older engines cannot read.
SCHEMA_VERSION = 2

#: Bytes. A resource has at most 1.5 MB (etcd), and a gateway refers to a handful.
LARGEST_BUNDLE: Final = 16 * 1024 * 1024

#: Begins every message that is signed for a bundle: no signature means anything for another purpose.
_PURPOSE = b"microgateway bundle\0"


class Header(Struct, frozen=True):
    """digest: of the payload."""

    gateway: GatewayKey
    generation: Generation
    digest: Digest


class Payload(Struct, frozen=True):
    """config: with an empty value for each secret; the values are in secrets."""

    config: GatewayConfig
    secrets: Secrets


class Bundle(Struct, frozen=True):
    """header: MessagePack of a Header, and payload: of a Payload; kept as bytes since the signature is over
    them."""

    header: bytes
    signature: Signature
    payload: bytes

    @property
    def signed(self) -> bytes:
        """Everything that means something: purpose, schema version, header, payload. The header's length
        keeps the two apart."""
        length = len(self.header).to_bytes(4, "big")
        return b"".join((_PURPOSE, bytes([SCHEMA_VERSION]), length, self.header, self.payload))


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_bundle_decoder = msgspec.msgpack.Decoder(Bundle)
_header_decoder = msgspec.msgpack.Decoder(Header)
_payload_decoder = msgspec.msgpack.Decoder(Payload)


def encode(config: GatewayConfig, signer: Signer = LeaveUnsigned()) -> bytes:  # noqa: B008 - has no state
    """The payload: equal configurations give equal bytes. signer: seals the secrets."""
    return _encoder.encode(Payload(config.without_secrets(), signer.seal(config.gateway, config.secrets)))


def digest_of(payload: bytes) -> Digest:
    return Digest("sha256:" + hashlib.sha256(payload).hexdigest())


def pack(gateway: GatewayKey, generation: Generation, payload: bytes, signer: Signer) -> bytes:
    """The wire bytes of a payload under a generation."""
    header = _encoder.encode(Header(gateway, generation, digest_of(payload)))
    unsigned = Bundle(header, LeaveUnsigned().sign(b""), payload)
    bundle = Bundle(header, signer.sign(unsigned.signed), payload)
    return MAGIC + bytes([SCHEMA_VERSION]) + _encoder.encode(bundle)


def peek(data: bytes) -> Header:
    """The header of wire bytes, believed without any check: for display and ordering, never to apply.

    Raises WireError when the bytes are no bundle of this schema.
    """
    return _read_header(_read_envelope(data))


def verify(data: bytes, expected: GatewayKey, trust: Trust) -> tuple[Header, Bundle]:
    """Check wire bytes without a look into the payload.

    Raises WireError: not a bundle, too large, another schema, not trusted, another gateway's, payload that
    does not fit its digest.
    """
    bundle = _read_envelope(data)
    trust.check(bundle.signed, bundle.signature)
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
    return header, bundle


def open_bundle(data: bytes, expected: GatewayKey, trust: Trust) -> tuple[Header, GatewayConfig]:
    """Check wire bytes and decode them.

    Raises WireError: as `verify`, and secrets that do not open, a payload that does not fit the IR.
    """
    header, bundle = verify(data, expected, trust)
    try:
        payload = decode(_payload_decoder, bundle.payload)
    except msgspec.MsgspecError as error:
        raise WireError(WireErrorKind.INVALID_PAYLOAD, f"payload is no configuration: {error}") from error
    secrets = payload.config.secrets | trust.unseal(expected, payload.secrets)
    return header, msgspec.structs.replace(payload.config, secrets=secrets)


def _read_envelope(data: bytes) -> Bundle:
    if data[:3] != MAGIC or len(data) < 4:
        raise WireError(
            WireErrorKind.NOT_A_BUNDLE, f"expected a bundle, got {len(data)} bytes without its magic"
        )
    if len(data) > LARGEST_BUNDLE:
        raise WireError(
            WireErrorKind.OVERSIZE, f"expected a bundle of at most {LARGEST_BUNDLE} bytes, got {len(data)}"
        )
    if data[3] != SCHEMA_VERSION:
        raise WireError(
            WireErrorKind.UNKNOWN_SCHEMA, f"expected schema version {SCHEMA_VERSION}, got {data[3]}"
        )
    try:
        return decode(_bundle_decoder, memoryview(data)[4:])
    except msgspec.MsgspecError as error:
        raise WireError(WireErrorKind.MALFORMED, f"bundle does not decode: {error}") from error


def _read_header(bundle: Bundle) -> Header:
    try:
        return decode(_header_decoder, bundle.header)
    except msgspec.MsgspecError as error:
        raise WireError(WireErrorKind.MALFORMED, f"bundle header does not decode: {error}") from error
