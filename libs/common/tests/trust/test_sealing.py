from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common import wire
from microgateway_common.names import gateway_key
from microgateway_common.trust.sealing import namespace_key_id, new_namespace_key, seal, unseal

WEB, OTHER = gateway_key("shop", "web"), gateway_key("shop", "other")
KEY, ANOTHER = new_namespace_key(), new_namespace_key()


@given(st.dictionaries(st.text(), st.binary()))
def test_what_is_sealed_opens_with_any_ring_that_has_the_key(secrets: dict[str, bytes]) -> None:
    sealed = seal(KEY, WEB, secrets)
    assert unseal([ANOTHER, KEY], WEB, sealed) == secrets
    assert sealed == seal(KEY, WEB, dict(reversed(secrets.items())))
    assert sealed != seal(ANOTHER, WEB, secrets)


def test_it_opens_for_its_gateway_alone() -> None:
    with pytest.raises(wire.WireError, match="do not open"):
        unseal([KEY], OTHER, seal(KEY, WEB, {"a": b"b"}))


@given(st.binary())
def test_what_is_not_sealed_does_not_open(data: bytes) -> None:
    with pytest.raises(wire.WireError) as refused:
        unseal([KEY], WEB, wire.SealedSecrets(namespace_key_id(KEY), data))
    assert refused.value.kind is wire.WireErrorKind.SEALED


def test_an_unknown_key_is_named() -> None:
    sealed = seal(KEY, WEB, {})
    with pytest.raises(wire.WireError, match=sealed.key):
        unseal([ANOTHER], WEB, sealed)
