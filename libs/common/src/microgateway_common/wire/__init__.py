"""What the reconciler tells engines, as bytes, and the engine's only way back.

    bundle       magic "MGW" · schema version (1 byte) · MessagePack of Bundle
    assignment   JSON of SignedAssignment

Bundle        header (gateway, generation, digest), payload (configuration, secrets), signature
Statement     which gateway a pod's engine serves, since when; in a SignedAssignment
Signer/Trust  who vouches and seals, and whom an engine believes
encode, pack / open_bundle, verify, peek; pack_assignment / open_assignment, …
              the two directions; reading refuses with a WireError that says why

The digest covers the payload alone, so equal configurations have equal digests whatever their
generation. The signature covers purpose, schema version, header and payload: nothing can be exchanged
for a part of another bundle.
"""

from __future__ import annotations

from .assignment import (
    LARGEST_ASSIGNMENT,
    SignedAssignment,
    Statement,
    open_assignment,
    pack_assignment,
    read_assignment,
    verify_assignment,
)
from .bundle import (
    LARGEST_BUNDLE,
    SCHEMA_VERSION,
    Bundle,
    Header,
    Payload,
    digest_of,
    encode,
    open_bundle,
    pack,
    peek,
    verify,
)
from .errors import WireError, WireErrorKind
from .trust import (
    AcceptUnsigned,
    Ed25519,
    LeaveUnsigned,
    PlainSecrets,
    SealedSecrets,
    Secrets,
    ShowToPeople,
    Signature,
    Signer,
    Trust,
    TrustNobody,
    Unsigned,
)

__all__ = [
    "LARGEST_ASSIGNMENT",
    "LARGEST_BUNDLE",
    "SCHEMA_VERSION",
    "AcceptUnsigned",
    "Bundle",
    "Ed25519",
    "Header",
    "LeaveUnsigned",
    "Payload",
    "PlainSecrets",
    "SealedSecrets",
    "Secrets",
    "ShowToPeople",
    "Signature",
    "SignedAssignment",
    "Signer",
    "Statement",
    "Trust",
    "TrustNobody",
    "Unsigned",
    "WireError",
    "WireErrorKind",
    "digest_of",
    "encode",
    "open_assignment",
    "open_bundle",
    "pack",
    "pack_assignment",
    "peek",
    "read_assignment",
    "verify",
    "verify_assignment",
]
