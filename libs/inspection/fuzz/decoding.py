"""The forms of a value: bounded in number and length, the same each time, and none without a hint, since only
hints make a request look for them."""

from __future__ import annotations

import re2

from microgateway_inspection.decoding import HINTS, MAX_FORMS, forms
from microgateway_inspection.rules.patterns import buffer_pattern, join

INSTRUMENT = ("microgateway_inspection.decoding",)

SEEDS = (
    b"%253Cscript%253E",
    b"\\u003cb\\x3e %u0027 \\u{3c}",
    b"&lt;b&#62;&#x3c;&lpar;",
    b"PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    b"un/**/ion--x\nselect/*!50000 1*/",
    b"\xef\xbc\x9cb\xef\xbc\x9e\xc0\xa7\xe0\x80\xaf",
    b"'a'+'b' c''at ${IFS} w^h^o",
    b"\\3c b\\074 \x00\x1f",
    "\u2102\u24b6\u2019 or 1".encode(),
)

_options = re2.Options()
_options.encoding = re2.Options.Encoding.LATIN1
_HINT = re2.compile(b"(?im)" + b"|".join(b"(?:%b)" % buffer_pattern(each) for each in HINTS), _options)


def check(data: bytes) -> None:
    found = forms(data)
    assert len(found) <= MAX_FORMS
    assert found == forms(data)
    for form in found:
        assert len(form.text) <= len(data)
    if found:
        assert _HINT.search(join([data])) is not None
