"""The normal form of a path: routing, inspection and the application all see the same one.

What they would read differently is how filters are walked around.
"""

from __future__ import annotations

from typing import Final

_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


def visible(target: bytes) -> bytes:
    """A target whose bytes beyond visible ASCII are percent-encoded, as browsers do before they send."""
    if not target.translate(None, _VISIBLE):
        return target
    return b"".join(bytes((byte,)) if byte in _VISIBLE else b"%%%02X" % byte for byte in target)


def normal_path(path: bytes, merge_slashes: bool) -> bytes:
    """RFC 3986 section 6.2.2: unreserved characters decoded, hexadecimal digits in upper case, dot
    segments removed; runs of slashes merged if wanted. An encoded slash stays encoded."""
    if b"%" in path:
        path = _normal_escapes(path)
    if b"/." in path:
        path = _without_dot_segments(path)
    if merge_slashes and b"//" in path:
        path = (
            b"/"
            + b"/".join(segment for segment in path.split(b"/") if segment)
            + (b"/" if path.endswith(b"/") and path.strip(b"/") else b"")
        )
    return path


def _normal_escapes(path: bytes) -> bytes:
    first, *rest = path.split(b"%")
    out = bytearray(first)
    for left, part in enumerate(rest, 1 - len(rest)):
        if len(part) >= 2 and part[0] in _HEX and part[1] in _HEX:
            byte = int(part[:2], 16)
            if byte in _UNRESERVED:
                out.append(byte)
            else:
                out += b"%%%02X" % byte
            out += part[2:]
        elif len(part) < 2 and left and _HEX.issuperset(part):
            # Decoding what follows would make an escape of it: `%%32e` is not `%2e`.
            out += b"%25" + part
        else:
            out += b"%" + part
    return bytes(out)


def _without_dot_segments(path: bytes) -> bytes:
    """RFC 3986 section 5.2.4; going above the root stays at the root."""
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    last = len(segments) - 1
    for index, segment in enumerate(segments):
        if segment == b"..":
            # An empty segment is one too: `/a//..` is `/a/`.
            if kept:
                kept.pop()
        elif segment != b".":
            kept.append(segment)
            continue
        if index == last:
            kept.append(b"")
    return b"/" + b"/".join(kept)
