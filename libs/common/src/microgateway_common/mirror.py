"""The objects that configurations are compiled from, as those may know them who must not see secrets.

Manifest    one of our resources, without what looks like a secret
Invalid     one that does not fit its model, whose fields may stand anywhere and are therefore left out
SecretNames the names of a Secret's entries

A dry run compiles changes on top of them.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from .decoding import decode
from .problems import ObjectRef


class Manifest(Struct, frozen=True, tag="manifest"):
    """raw: the whole document, with nothing of its metadata but what compiling sees."""

    ref: ObjectRef
    raw: dict[str, Any]


class Invalid(Struct, frozen=True, tag="invalid"):
    """errors: how many."""

    ref: ObjectRef
    errors: int


class SecretNames(Struct, frozen=True, tag="secret"):
    ref: ObjectRef
    names: tuple[str, ...]


Mirrored = Manifest | Invalid | SecretNames

encode_mirrored = msgspec.json.Encoder(order="deterministic").encode
_mirrored: msgspec.json.Decoder[Mirrored] = msgspec.json.Decoder(Mirrored)


def decode_mirrored(data: bytes) -> Mirrored:
    """Raises msgspec.MsgspecError."""
    return decode(_mirrored, data)
