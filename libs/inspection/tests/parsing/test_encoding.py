from __future__ import annotations

import pytest

from microgateway_inspection.parsing.encoding import check_charset, check_coding
from microgateway_inspection.parsing.errors import UnreadableError


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"application/json",
        b"application/json; charset=utf-8",
        b'text/x; Charset="UTF-8"',
        b"a/b; charset=",
    ],
)
def test_readable_charsets(content_type: bytes) -> None:
    check_charset(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        b"a/b; charset=ibm037",
        b"a/b;charset=utf-7",
        b"a/b; charset=utf-16",
        b"a/b; charset=utf-8; charset=utf-7",
        b"a/b; charset*=us-ascii''utf-7",
        b"a/b; charset = 'utf-7'",
    ],
)
def test_charsets_in_which_ascii_is_something_else_are_refused(content_type: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        check_charset(content_type)
    assert refused.value.subtype == "charset"


@pytest.mark.parametrize("coding", [b"", b"identity", b" Identity "])
def test_no_coding(coding: bytes) -> None:
    check_coding(coding)


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"identity,gzip", b"x"])
def test_codings_are_refused(coding: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        check_coding(coding)
    assert refused.value.subtype == "content_encoding"
