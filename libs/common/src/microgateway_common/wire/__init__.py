"""A compiled configuration as bytes, and the engine's only way back.

    magic "MGW" · schema version (1 byte) · MessagePack of Bundle

Bundle        header (gateway, generation, digest), payload, signature
Signer/Trust  who vouches for a bundle, and whom an engine believes
encode/decode the two directions; decode refuses with a WireError that says why

The digest covers the payload alone, so equal configurations have equal digests whatever their
generation. The signature covers the header, the digest among it, so an old payload cannot be given
a new generation.
"""

from __future__ import annotations

from .bundle import SCHEMA_VERSION, Bundle, Header, digest_of, encode, open_bundle, pack, peek
from .errors import WireError, WireErrorKind
from .trust import AcceptUnsigned, LeaveUnsigned, Signature, Signer, Trust, Unsigned

__all__ = [
    "SCHEMA_VERSION",
    "AcceptUnsigned",
    "Bundle",
    "Header",
    "LeaveUnsigned",
    "Signature",
    "Signer",
    "Trust",
    "Unsigned",
    "WireError",
    "WireErrorKind",
    "digest_of",
    "encode",
    "open_bundle",
    "pack",
    "peek",
]
