from __future__ import annotations

import msgspec
import pytest

from microgateway_common.decoding import decode

TEXTS = msgspec.msgpack.Decoder(list[str])
ANYTHING = msgspec.json.Decoder()


def test_what_is_right_is_decoded() -> None:
    assert decode(TEXTS, msgspec.msgpack.encode(["a"])) == ["a"]


@pytest.mark.parametrize("data", [b"", b"\x91\xa1\xff", b"\x91\x01", b"\xdd\xff\xff\xff\xff"])
def test_whatever_is_wrong_raises_one_kind_of_exception(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(TEXTS, data)


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError, match="recursion"):
        decode(ANYTHING, b"[" * 100_000)
