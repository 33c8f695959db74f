"""Of a multipart body that is not refused, each value, and each file's name, that a server gives to its
application is among those that are inspected. Contents of files are not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from microgateway_inspection.parsing.errors import UnreadableError
from microgateway_inspection.parsing.multipart import parse_multipart

Pairs = list[tuple[str, str]]
Server = Callable[[bytes, str], Pairs]

_TYPE: Final = "multipart/form-data; boundary=B"
_NO_ASCII: Final = re.compile(r"[^\0-\x7f]+")


def skeleton(text: str) -> str:
    return _NO_ASCII.sub("�", text)


#: Servers undo escapes of quotes, browsers' and their own, or do not; some drop the folder of a file.
def _readings(text: str) -> set[str]:
    undone = text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    found = {text, undone, escaped, text.replace('"', '\\"'), text.replace("\\", "")}
    found |= {each.partition("''")[2] for each in found}  # RFC 8187, `utf-8''name`
    found |= {re.split(r"[\\/]", each)[-1] for each in found}
    return {skeleton(each) for each in found} | {skeleton(each.strip()) for each in found}


def _missed(server: Server, body: bytes) -> Pairs:
    try:
        found = parse_multipart(body, _TYPE.encode())
    except UnreadableError:
        return []
    inspected = {
        (name, value)
        for raw_name, raw_value in found
        for name in _readings(raw_name.decode("latin-1"))
        for value in ("", *_readings(raw_value.decode("latin-1")))
    }
    pairs = [(skeleton(name or ""), skeleton(value)) for name, value in server(body, _TYPE) if name or value]
    return [pair for pair in pairs if pair not in inspected]


def _part(disposition: str, content: str, *headers: str) -> str:
    lines = [f"Content-Disposition: form-data; {disposition}", *headers]
    return "--B\r\n" + "\r\n".join(lines) + f"\r\n\r\n{content}\r\n"


_DISPOSITIONS: Final = st.lists(
    st.sampled_from(
        [
            *(
                "name=a",
                'name="a"',
                'name="a;b"',
                'name="a\\"b"',
                "name='a'",
                "NAME=a",
                "name =a",
                "name=",
                "Name=B",
            ),
            *('name="a\\\\"', "name*=utf-8''b", "name*0=c", 'name="é"', 'name="%22"', 'name=""', "name=a b"),
            *(
                "filename=f",
                'filename="f"',
                'filename=""',
                "filename =f",
                "filename= f",
                "filename*=utf-8''f",
            ),
            *(
                'filename="C:\\\\f"',
                'filename="f\\"',
                "filename='f;g'",
                "FileName=f",
                "filename",
                "filename*0=f",
            ),
            *('x="', "x='", 'x="\\\\"', 'x="\\"', "x=y", ""),
        ]
    ),
    min_size=1,
    max_size=4,
).map("; ".join)
_HEADERS: Final = st.lists(
    st.sampled_from(
        [
            *(
                "Content-Type: text/plain",
                "Content-Type: text/plain; charset=utf-8",
                "Content-Type: image/png",
            ),
            *("Content-Type: multipart/mixed; boundary=C", "Content-Transfer-Encoding: base64", "X-A: b"),
            *("Content-Type: application/octet-stream", "Content-Type: text/plain; charset=utf-16"),
            *(" folded", "Content-Disposition: form-data; name=z", "content-length: 1", "Content-Type : a/b"),
        ]
    ),
    max_size=2,
)
_CONTENTS: Final = st.lists(
    st.sampled_from(
        ["a", "<b>", "=", "&", "%41", "\r\n", "\n", "\r", "--", "-", "B", "é", "\0", "\r\n--", "MQ=="]
    ),
    max_size=4,
).map("".join)
_PARTS: Final = st.builds(
    lambda head, headers, content: _part(head, content, *headers), _DISPOSITIONS, _HEADERS, _CONTENTS
)
_ENDS: Final = st.sampled_from(["--B--\r\n", "--B--", "--B--\r\n\r\n", "--B--x", "--B", ""])


@settings(max_examples=300, deadline=None)
@given(st.lists(_PARTS, max_size=2), _ENDS)
@example([_part('name="a"; filename=""', "<b>")], "--B--")
@example([_part("name=a; filename*=utf-8''f", "<b>")], "--B--")
def test_generated(multipart_servers: dict[str, Server], parts: list[str], end: str) -> None:
    body = ("".join(parts) + end).encode()
    assert {
        name: missed for name, server in multipart_servers.items() if (missed := _missed(server, body))
    } == {}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.text("ab c;=", min_size=1, max_size=4), _CONTENTS, st.booleans()), min_size=1, max_size=3
    )
)
def test_ordinary_bodies_are_read_alike(
    multipart_servers: dict[str, Server], fields: list[tuple[str, str, bool]]
) -> None:
    """Not only inclusion: what is inspected is what each server reads."""
    parts = [
        _part(f'name="{name}"; filename="x.png"' if is_file else f'name="{name}"', content)
        for name, content, is_file in fields
        if "B" not in content
    ]
    body = ("".join(parts) + "--B--\r\n").encode()
    inspected = parse_multipart(body, _TYPE.encode())
    for name, server in multipart_servers.items():
        if name == "email":
            continue  # a mail reader: it takes line feeds for CRLF and reads charsets of its own
        pairs = sorted((skeleton(key), skeleton(value)) for key, value in server(body, _TYPE))
        assert pairs == sorted(
            (skeleton(key.decode()), skeleton(value.decode("latin-1"))) for key, value in inspected
        ), name


@pytest.mark.parametrize(
    "disposition",
    [
        "name=a; filename =f",
        "name=a; x='; filename=f; y='",
        'name=a; x="\\\\"; filename=f',
        "name=a; filename*0=f",
        "name=a; filename=f; filename=",
    ],
)
def test_what_is_a_file_to_one_and_a_value_to_another_is_refused(disposition: str) -> None:
    """PHP reads each of these as a value; its content would not be scanned."""
    with pytest.raises(UnreadableError):
        parse_multipart((_part(disposition, "<b>") + "--B--").encode(), _TYPE.encode())


_BOUNDARIES: Final = (
    *(
        "boundary=B",
        'boundary="B"',
        "Boundary=B",
        "boundary = B",
        "boundary=B ",
        "boundary=B; x=y",
        "x=y; boundary=B",
    ),
    *("boundary='B'", "boundary=", "boundary=B; boundary=C", "boundary=C; boundary=B", "boundary*=utf-8''B"),
    *(
        "boundary*0=B",
        'boundary="B',
        'boundary="\\B"',
        "boundary=B, boundary=C",
        "boundary=B;boundary",
        "charset=utf-8",
    ),
    *(
        "boundary=-B",
        "boundary=B\t",
        "boundary=B;charset=utf-16",
        "charset=utf-7;boundary=B",
        "xboundary=C; boundary=B",
    ),
)
_KINDS: Final = (
    "multipart/form-data; ",
    "Multipart/Form-Data; ",
    "multipart/form-data;",
    "multipart/form-data ; ",
)


@pytest.mark.parametrize("boundary", _BOUNDARIES)
@pytest.mark.parametrize("kind", _KINDS)
def test_boundaries_are_read_as_servers_do(
    multipart_servers: dict[str, Server], kind: str, boundary: str
) -> None:
    """Two bodies in one: what stands between one boundary is a file or a preamble between the other."""
    inner = _part("name=c", "<inner>").replace("--B", "--C") + "--C--\r\n"
    body = (_part("name=a", "<a>") + _part("name=f; filename=g", inner) + "--B--\r\n").encode()
    content_type = kind + boundary
    try:
        found = parse_multipart(body, content_type.encode())
    except UnreadableError:
        return
    inspected = {(skeleton(name.decode()), skeleton(value.decode("latin-1"))) for name, value in found}
    for name, server in multipart_servers.items():
        assert {pair for pair in server(body, content_type) if any(pair)} <= inspected, name
