from __future__ import annotations

import pytest

from microgateway_inspection.parsing.cookies import parse_cookies


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        (b"a=1; b=2", [(b"a", b"1"), (b"b", b"2")]),
        (b"a=1;b=2;", [(b"a", b"1"), (b"b", b"2")]),
        (b'a="x y"', [(b"a", b"x y")]),
        (b"a=b=c", [(b"a", b"b=c")]),
        (b"alone", [(b"", b"alone")]),
        (b"a=", [(b"a", b"")]),
        (b"a=%27", [(b"a", b"%27")]),
        (b'a="', [(b"a", b'"')]),
        (b" ; ;", []),
        (b'a="b;c"; d=1', [(b"a", b'"b'), (b"", b'c"'), (b"d", b"1"), (b"a", b"b;c")]),
        (b'z; a="\\";"; b="', [(b"", b"z"), (b"a", b"\\"), (b"", b'"'), (b"b", b'"'), (b"a", b'\\";')]),
    ],
)
def test_names_and_values(header: bytes, cookies: list[tuple[bytes, bytes]]) -> None:
    assert parse_cookies(header) == cookies
