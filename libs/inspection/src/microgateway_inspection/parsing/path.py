"""The path and its segments, percent-decoded once as routers do."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes


def parse_path(path: str) -> list[bytes]:
    """The decoded segments after the leading slash, empty ones included. An encoded slash is part of
    its segment."""
    segments = path.encode("utf-8", "surrogatepass").split(b"/")
    if segments[0] == b"":
        del segments[0]
    if "%" in path:
        return [unquote_to_bytes(segment) for segment in segments]
    return segments


def whole_path(segments: list[bytes]) -> bytes:
    """The decoded path that has these segments."""
    return b"/" + b"/".join(segments)
