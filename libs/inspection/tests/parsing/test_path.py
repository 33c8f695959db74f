from __future__ import annotations

import pytest

from microgateway_inspection.parsing.path import parse_path, whole_path


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/", [b""]),
        ("/a/b", [b"a", b"b"]),
        ("/a/", [b"a", b""]),
        ("//a", [b"", b"a"]),
        ("/a%2Fb/c%20d", [b"a/b", b"c d"]),
        ("/100%", [b"100%"]),
        ("*", [b"*"]),
        ("/caf%C3%A9", "café".encode().split(b"/")),
    ],
)
def test_segments(path: str, segments: list[bytes]) -> None:
    assert parse_path(path) == segments


def test_the_whole_path_is_its_segments() -> None:
    assert whole_path(parse_path("/a%2Fb/c")) == b"/a/b/c"
