from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection.parsing.errors import UnreadableError
from microgateway_inspection.parsing.multipart import (
    header_parameters,
    multipart_boundary,
    parse_multipart,
    parse_multipart_prefix,
)

_TYPE = b"multipart/form-data; boundary=B"


def _part(disposition: bytes, content: bytes, *headers: bytes) -> bytes:
    lines = [b"Content-Disposition: form-data; " + disposition, *headers]
    return b"--B\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + content + b"\r\n"


_END = b"--B--\r\n"


def test_fields_and_files() -> None:
    body = (
        _part(b'name="a"', b"1")
        + _part(b'name="f"; filename="x.png"', b"\x89PNG' or 1=1", b"Content-Type: image/png")
        + _part(b"name=b", b"two\r\nlines")
        + _END
    )
    assert parse_multipart(body, _TYPE) == [(b"a", b"1"), (b"f", b"x.png"), (b"b", b"two\r\nlines")]


def test_no_parts() -> None:
    assert parse_multipart(_END, _TYPE) == []


def test_a_file_without_a_name_is_a_parameter() -> None:
    assert parse_multipart(_part(b'name="a"; filename=""', b"x") + _END, _TYPE) == [(b"a", b"x")]


def test_an_extended_file_name_does_not_hide_the_content() -> None:
    body = _part(b"name=\"a\"; filename*=utf-8''x", b"content") + _END
    assert parse_multipart(body, _TYPE) == [(b"a", b"utf-8''x"), (b"a", b"content")]


@pytest.mark.parametrize(
    ("body", "subtype"),
    [
        (b"", "multipart_malformed"),
        (b"preamble\r\n" + _part(b'name="a"', b"1") + _END, "multipart_malformed"),
        (_part(b'name="a"', b"1"), "multipart_malformed"),
        (_part(b'name="a"', b"1") + _END + b"epilogue", "multipart_malformed"),
        (_part(b'name="a"', b"1") + _END + _part(b'name="b"', b"2") + _END, "multipart_ambiguous"),
        (
            _part(b'name="a"', b"x\n--B\nContent-Disposition: form-data; name=b\n\ny") + _END,
            "multipart_ambiguous",
        ),
        (_part(b'name="a"; name="b"', b"1") + _END, "multipart_ambiguous"),
        (_part(b'name="a"; filename="x"; filename="y"', b"1") + _END, "multipart_ambiguous"),
        (_part(b'name="a" filename="y"', b"1") + _END, "multipart_ambiguous"),
        (_part(b'name="a', b"1") + _END, "multipart_ambiguous"),
        (_part(b'filename="a"', b"1") + _END, "multipart_malformed"),
        (b"--B\r\n\r\n1\r\n" + _END, "multipart_malformed"),
        (_part(b"name=a", b"MQ==", b"Content-Transfer-Encoding: base64") + _END, "multipart_ambiguous"),
        (_part(b"name=a", b"1", b"Content-Disposition: form-data; name=b") + _END, "multipart_ambiguous"),
        (_part(b"name=a", b"1", b"Content-Type: text/plain; charset=utf-16") + _END, "charset"),
        (b"--B\nContent-Disposition: form-data; name=a\n\n1\n--B--", "multipart_malformed"),
        (_part(b"name=a", b"1", b" folded: x") + _END, "multipart_malformed"),
        (_part(b"name=a\r\n\tx=y", b"1") + _END, "multipart_malformed"),
        (b"--B  \r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" + _END, "multipart_malformed"),
        (b"\r\n" + _part(b"name=a", b"1") + _END, "multipart_malformed"),
        (b"--B\r\nContent-Disposition : form-data; name=a\r\n\r\n1\r\n" + _END, "multipart_malformed"),
        (b"--B\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n" + _END, "multipart_malformed"),
        (_part(b"name=a", b"x\r\n--BB") + _END, "multipart_ambiguous"),
        (_part(b"name=a", b"1", b"Content-Type: multipart/mixed; boundary=C") + _END, "multipart_ambiguous"),
        (_part(b"name=a; name*=utf-8''b", b"1") + _END, "multipart_ambiguous"),
        (_part(b"name=a; filename*0=x; filename*1=y", b"1") + _END, "multipart_ambiguous"),
        (_part(b"name=a b", b"1") + _END, "multipart_ambiguous"),
        (_part(b"name=a; filename =x", b"1") + _END, "multipart_ambiguous"),
        (_part(b"name=a; filename= x", b"1") + _END, "multipart_ambiguous"),
        (_part(b"name=a; x='; filename=y; z='", b"1") + _END, "multipart_ambiguous"),
        (_part(b'name=a; x="\\\\"; filename="y"', b"1") + _END, "multipart_ambiguous"),
        (_part(b"name=_charset_", b"utf-7") + _END, "charset"),
        (_part(b"name=a", b"1")[:-2] + _END, "multipart_malformed"),
        (_part(b"name=a", b"1")[:-2] + b"\n" + _END, "multipart_malformed"),
        (_part(b"name=a", b"1") + _part(b"name=b", b"2")[:-2] + _END, "multipart_malformed"),
        (b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n" + _END, "multipart_malformed"),
        (b"--B\r\nContent-Disposition: form-data; name=a--B--", "multipart_malformed"),
        (b"--B\r\n--B--", "multipart_malformed"),
        (_part(b"name=a", b"1") + b"--B x\r\n" + _part(b"name=b", b"2")[5:] + _END, "multipart_malformed"),
        (_part(b"name=a\rb", b"1") + _END, "multipart_malformed"),
        (_part(b"name=a", b"1", *(b"X-%d: y" % at for at in range(8))) + _END, "multipart_malformed"),
        (_part(b"name=a", b"1", b"X: " + b"y" * 4222) + _END, "multipart_malformed"),
    ],
)
def test_what_servers_would_read_differently_is_refused(body: bytes, subtype: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_multipart(body, _TYPE)
    assert refused.value.subtype == subtype


def test_a_boundary_may_have_padding() -> None:
    body = _part(b"name=a", b"1") + b"--B \t\r\n" + _part(b"name=b", b"2")[5:] + _END
    assert parse_multipart(body, _TYPE) == [(b"a", b"1"), (b"b", b"2")]


def test_further_headers_of_a_part_are_values() -> None:
    body = (
        _part(b"name=a", b"1", b"Content-Type: text/plain; charset=utf-8", b"X-Note: <b>")
        + _part(b"name=f; filename=x", b"", b"Content-Type: <script>", b"Content-Transfer-Encoding: binary")
        + _END
    )
    assert parse_multipart(body, _TYPE) == [(b"a", b"<b>"), (b"a", b"1"), (b"f", b"x"), (b"f", b"<script>")]


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=A; boundary=B",
        b"multipart/form-data; boundary=" + b"x" * 71,
        b"multipart/form-data; boundary=a\\b",
        b"multipart/form-data; boundary=B; boundary*0=C",
        b"multipart/form-data; boundary =B",
        b"multipart/form-data; boundary='B'",
        b"multipart/form-data boundary=B",
    ],
)
def test_boundaries_that_are_none(content_type: bytes) -> None:
    with pytest.raises(UnreadableError):
        multipart_boundary(content_type)


@pytest.mark.parametrize(
    "content_type", [b'multipart/x; boundary="a b"', b"multipart/x; charset=utf-8; boundary=x"]
)
def test_boundaries(content_type: bytes) -> None:
    assert multipart_boundary(content_type) in (b"a b", b"x")


def test_header_parameters() -> None:
    assert header_parameters(b'Form-Data; name="a\\"b"; X=y ') == {
        b"": b"form-data",
        b"name": b'a"b',
        b"x": b"y",
    }


def test_a_prefix_shows_what_it_has() -> None:
    body = _part(b'name="a"', b"1") + _part(b'name="b"', b"2345678") + _END
    assert parse_multipart_prefix(body[:-20], _TYPE)[0] == (b"a", b"1")
    name, value = parse_multipart_prefix(body[:-14], _TYPE)[1]
    assert name == b"b"
    assert b"2345678".startswith(value)
    assert parse_multipart_prefix(b"preamble\r\n" + body[:-14], _TYPE)[1] == (name, value)


def test_a_prefix_shows_nothing_of_a_boundary() -> None:
    body = _part(b'name="a"', b"-1-") + _END
    shown = {value for cut in range(len(body)) for _, value in parse_multipart_prefix(body[:cut], _TYPE)}
    assert shown == {b"", b"-", b"-1", b"-1-"}


_SAFE = st.binary(max_size=30).filter(lambda each: b"--B" not in each)


@given(st.lists(st.tuples(st.text('abc"\\; =\n', min_size=1, max_size=5), _SAFE), max_size=4))
def test_reads_what_a_browser_writes(fields: list[tuple[str, bytes]]) -> None:
    """Browsers escape quotes and line breaks of names (HTML section 4.10.21.8)."""
    written = [
        (name.replace("\\", "/").replace("\n", "%0A").replace('"', "%22").encode(), v) for name, v in fields
    ]
    body = b"".join(_part(b'name="%b"' % name, value) for name, value in written) + _END
    assert parse_multipart(body, _TYPE) == written


@given(st.binary(max_size=100))
def test_never_raises_anything_else(body: bytes) -> None:
    for text in (
        body,
        b"--B\r\n" + body + b"\r\n--B--",
        b"--B\r\nContent-Disposition: " + body + b"\r\n--B--",
    ):
        with suppress(UnreadableError):
            parse_multipart(text, _TYPE)
        parse_multipart_prefix(text, _TYPE)
