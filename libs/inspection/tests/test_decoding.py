from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection.decoding import HINTS, MAX_FORMS, forms
from microgateway_inspection.rules.patterns import buffer_pattern, join


@pytest.mark.parametrize(
    ("value", "decoded", "steps"),
    [
        (b"%27or", b"'or", ("url",)),
        (b"%2527or", b"'or", ("url", "url")),
        (b"%252527or", b"'or", ("url", "url", "url")),
        (b"&lt;b&gt;", b"<b>", ("html",)),
        (b"&#60;b", b"<b", ("html",)),
        (b"&#x3c;b", b"<b", ("html",)),
        (b"&#0000000000060b", b"<b", ("html",)),
        (b"&#" + b"0" * 5000 + b"60;b", b"<b", ("html",)),
        (b"&#x" + b"0" * 5000 + b"3c;b", b"<b", ("html",)),
        (b"&ltb", b"<b", ("html",)),
        (b"&lpar;1&rpar;", b"(1)", ("html",)),
        (b"\\u003cb", b"<b", ("unicode",)),
        (b"%u003cb", b"<b", ("unicode",)),
        (b"\\u{3c}b", b"<b", ("unicode",)),
        (b"\\x3cb", b"<b", ("unicode",)),
        (b"\xc0\xafetc", b"/etc", ("overlong",)),
        (b"\xe0\x80\xafetc", b"/etc", ("overlong",)),
        (b"\xef\xbc\x9c\xef\xbd\x82\xef\xbc\x9e", b"<b>", ("width",)),
        (b"<scr\0ipt>", b"<script>", ("control",)),
        (b"union/**/select", b"union select", ("sql_comment",)),
        (b"/*!50000union*/ select", b" union  select", ("sql_comment",)),
        (b"union--x\nselect", b"union select", ("sql_comment",)),
        (b"%26lt;b", b"<b", ("url", "html")),
        (b"%25u003cb", b"<b", ("url", "unicode")),
        (b"%EF%BC%9Cb", b"<b", ("url", "width")),
        (b"\\3c b", b"<b", ("escape",)),
        (b"\\000065xpression", b"expression", ("escape",)),
        (b"\\141\\154ert", b"alert", ("escape",)),
        ("\u017fcript".encode(), b"script", ("alike",)),
        ("\U0001d48acript".encode(), b"icript", ("alike",)),
        ("x\u2019 or 1".encode(), b"x' or 1", ("alike",)),
        (b"PHNjcmlwdD54", b"<script>x", ("base64",)),
        (b"a=PHNjcmlwdD54;b", b"a=<script>x;b", ("base64",)),
        (b"JyBvciAxPTEtLQ==", b"' or 1=1--", ("base64",)),
        (b"DQpMb2NhdGlvbjogeA", b"\r\nLocation: x", ("base64",)),
        (b"e3s3Kjd9fQ==", b"{{7*7}}", ("base64",)),
        (b"UEhOamNtbHdkRDU0", b"<script>x", ("base64", "base64")),
        (b"'al'+'ert'", b"'alert'", ("concat",)),
        (b"'se'||'lect'", b"'select'", ("concat",)),
        (b"w'h'o", b"who", ("shell",)),
        (b"p^o^w", b"pow", ("shell",)),
        (b"cat${IFS}/x", b"cat /x", ("shell",)),
    ],
)
def test_the_last_form_is_plain(value: bytes, decoded: bytes, steps: tuple[str, ...]) -> None:
    last = forms(value)[-1]
    assert (last.text, last.steps) == (decoded, steps)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"plain",
        b"100%",
        b"a & b",
        b"AT&T",
        b"O'Brien",
        b"%zz",
        b"&;",
        b"&#;",
        b"configuration",
        b"C:\\Users\\bob",
        b"it's",
        b"a^2",
        b"550e8400e29b41d4",
    ],
)
def test_plain_values_have_one_form(value: bytes) -> None:
    assert forms(value) == []


def test_every_form_on_the_way_is_looked_at() -> None:
    assert [form.text for form in forms(b"%2526lt;b")] == [b"%26lt;b", b"&lt;b", b"<b"]


_PIECES = rb"% 25 27 u003c \ x3c & # lt; 60; /* */ ! -- a { } x 0".split()
_TRICKY = st.lists(
    st.sampled_from(
        [
            *_PIECES,
            b"PHNj",
            b"cmlw",
            b"dD4=",
            b"'",
            b"+",
            b"\\3c",
            b"${IFS}",
            b"^",
            b"\xe2\x80\x99",
            b" or ",
            b"\xc0",
            b"\xaf",
            b"\xef\xbc",
            b"\x9c",
            b"\xe0\x80",
            b"\n",
            b"\0",
        ]
    ),
    max_size=40,
).map(b"".join)


@given(st.binary(max_size=200) | _TRICKY)
def test_forms_are_bounded(value: bytes) -> None:
    found = forms(value)
    assert len(found) <= MAX_FORMS
    assert all(len(form.text) <= len(value) for form in found)
    assert all(len(form.steps) == at + 1 for at, form in enumerate(found))


_OPTIONS = re2.Options()
_OPTIONS.encoding = re2.Options.Encoding.LATIN1
_ANY_HINT = re2.compile(b"(?im)" + b"|".join(b"(?:%b)" % buffer_pattern(each) for each in HINTS), _OPTIONS)


@given(st.binary(max_size=200) | _TRICKY)
def test_values_without_a_hint_have_one_form(value: bytes) -> None:
    if _ANY_HINT.search(join([value])) is None:
        assert forms(value) == []
