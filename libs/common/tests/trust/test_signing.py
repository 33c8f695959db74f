"""A bundle under a real signature: nothing of it can be changed, exchanged or taken from another."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common import wire
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.origin import ResourceOrigin
from microgateway_common.names import Generation, Namespace, gateway_key
from microgateway_common.trust.sealing import new_namespace_key
from microgateway_common.trust.signing import Authority, KeyRing, key_id, new_signing_key, verify_key

GATEWAY = gateway_key("shop", "web")
SHOP = Namespace("shop")
SECRETS = {"tls/cert": b"CERTIFICATE", "tls/key": b"PRIVATE KEY"}
CONFIG = GatewayConfig(GATEWAY, ResourceOrigin("SidecarGateway", "shop", "web", 1), {}, (), SECRETS)

KEY, NEXT_KEY = new_signing_key(), new_signing_key()
SEALING, NEXT_SEALING = new_namespace_key(), new_namespace_key()
AUTHORITY = Authority(KEY, {SHOP: SEALING})
RING = KeyRing([verify_key(KEY)], [SEALING])


def signed(authority: Authority = AUTHORITY, generation: int = 7) -> bytes:
    return wire.pack(GATEWAY, Generation(generation), wire.encode(CONFIG, authority), authority)


def kind_of(data: bytes, ring: wire.Trust = RING) -> wire.WireErrorKind:
    with pytest.raises(wire.WireError) as refused:
        wire.open_bundle(data, GATEWAY, ring)
    return refused.value.kind


DATA = signed()


def parts(data: bytes) -> wire.Bundle:
    return msgspec.msgpack.decode(data[4:], type=wire.Bundle)


def joined(bundle: wire.Bundle) -> bytes:
    return DATA[:4] + msgspec.msgpack.encode(bundle)


def test_an_engine_with_the_keys_gets_everything() -> None:
    header, config = wire.open_bundle(DATA, GATEWAY, RING)
    assert config == CONFIG
    assert header.generation == 7


def test_what_nobody_signed_is_refused() -> None:
    unsigned = wire.pack(GATEWAY, Generation(8), wire.encode(CONFIG), wire.LeaveUnsigned())
    assert kind_of(unsigned) is wire.WireErrorKind.UNTRUSTED
    assert kind_of(DATA, wire.AcceptUnsigned()) is wire.WireErrorKind.UNTRUSTED


def test_what_somebody_else_signed_is_refused() -> None:
    stranger = Authority(new_signing_key(), {SHOP: SEALING})
    assert kind_of(signed(stranger)) is wire.WireErrorKind.UNKNOWN_KEY
    pretender = parts(signed(stranger))
    claimed = msgspec.structs.replace(pretender.signature, key=key_id(verify_key(KEY)))
    assert kind_of(joined(msgspec.structs.replace(pretender, signature=claimed))) is wire.WireErrorKind.FORGED


def test_an_old_payload_gets_no_new_generation() -> None:
    old, new = parts(signed()), parts(signed(generation=8))
    for header, payload, signature in (
        (new.header, old.payload, old.signature),
        (new.header, b"\x80", new.signature),
        (new.header, new.payload, old.signature),
    ):
        assert kind_of(joined(wire.Bundle(header, signature, payload))) is wire.WireErrorKind.FORGED


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_no_bit_can_be_changed(position: int, mask: int) -> None:
    changed = bytearray(DATA)
    changed[position] ^= mask
    kind_of(bytes(changed))


def test_every_truncation_is_refused() -> None:
    for length in range(len(DATA)):
        kind_of(DATA[:length])


def test_a_ring_of_several_keys_believes_each() -> None:
    later = Authority(NEXT_KEY, {SHOP: NEXT_SEALING})
    both = KeyRing([verify_key(KEY), verify_key(NEXT_KEY)], [SEALING, NEXT_SEALING])
    for authority in (AUTHORITY, later):
        assert wire.open_bundle(signed(authority), GATEWAY, both)[1] == CONFIG
    assert kind_of(signed(later)) is wire.WireErrorKind.UNKNOWN_KEY


def test_made_says_whether_a_signature_is_of_the_key_in_use() -> None:
    later = Authority(NEXT_KEY, {})
    signature = parts(DATA).signature
    assert AUTHORITY.made(signature)
    assert not later.made(signature)
    assert not AUTHORITY.made(wire.Unsigned())


def test_equal_secrets_give_equal_digests_and_no_clear_text() -> None:
    payload = wire.encode(CONFIG, AUTHORITY)
    assert payload == wire.encode(CONFIG, Authority(KEY, {SHOP: SEALING}))
    assert b"PRIVATE" not in payload
    other = msgspec.structs.replace(CONFIG, secrets=SECRETS | {"tls/key": b"ANOTHER KEY"})
    assert wire.encode(other, AUTHORITY) != payload


def test_without_the_namespaces_key_there_are_no_secrets() -> None:
    assert kind_of(DATA, KeyRing([verify_key(KEY)])) is wire.WireErrorKind.SEALED
    assert kind_of(DATA, KeyRing([verify_key(KEY)], [NEXT_SEALING])) is wire.WireErrorKind.SEALED
    assert wire.open_bundle(DATA, GATEWAY, wire.ShowToPeople())[1] == CONFIG.without_secrets()


def test_a_gateway_without_secrets_needs_no_key() -> None:
    bare = msgspec.structs.replace(CONFIG, secrets={})
    data = wire.pack(GATEWAY, Generation(1), wire.encode(bare, AUTHORITY), AUTHORITY)
    assert wire.open_bundle(data, GATEWAY, KeyRing([verify_key(KEY)]))[1] == bare
