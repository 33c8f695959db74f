from __future__ import annotations

import msgspec
import pytest

from microgateway_common.mirror import (
    Invalid,
    Manifest,
    Mirrored,
    SecretNames,
    decode_mirrored,
    encode_mirrored,
)
from microgateway_common.problems import ObjectRef

REF = ObjectRef("Limits", "shop", "strict")


@pytest.mark.parametrize(
    "mirrored", [Manifest(REF, {"a": [1, None]}), Invalid(REF, 2), SecretNames(REF, ("a",))]
)
def test_an_object_is_read_as_it_was_written(mirrored: Mirrored) -> None:
    assert decode_mirrored(encode_mirrored(mirrored)) == mirrored


def test_what_is_none_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_mirrored(b'{"type":"password"}')
