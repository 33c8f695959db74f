from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.data import FieldType
from microgateway_inspection.content import NO_BODY, Body, Content, FormBody, JsonBody, OpaqueBody
from microgateway_inspection.fields import (
    NAME,
    CookieField,
    HeaderField,
    PathField,
    SegmentField,
    all_fields,
    field_type,
    fields,
    json_texts,
    place,
    texts,
    value_text,
)
from microgateway_inspection.matching import header_text
from microgateway_inspection.parsing.form import parse_form
from microgateway_inspection.parsing.json import flatten
from microgateway_inspection.request import Headers, Request
from microgateway_inspection.verdict import Place


def _content(path: str, query: bytes, headers: Headers, body: Body = NO_BODY) -> Content:
    request = Request("GET", path, query, headers, "192.0.2.1")
    return Content(request, parse_form(query), headers, body)


_BYTES = st.binary(max_size=12)
_BODIES = st.one_of(
    st.just(NO_BODY),
    st.builds(FormBody, st.lists(st.tuples(_BYTES, _BYTES), max_size=3)),
    st.builds(OpaqueBody, _BYTES),
    st.recursive(
        st.text(max_size=5) | st.integers() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ).map(lambda root: JsonBody(flatten(root))),
)


@given(
    st.text("/ab%2f7.", max_size=12).map(lambda rest: "/" + rest),
    _BYTES,
    st.lists(st.tuples(st.sampled_from([b"cookie", b"x-a"]), _BYTES), max_size=3),
    _BODIES,
)
def test_texts_and_fields_go_together(path: str, query: bytes, headers: Headers, body: Body) -> None:
    """The n-th text that is scanned is a part of the n-th field."""
    content = _content(path, query, headers, body)
    scanned = [header_text(text) for text in texts(content)]
    if isinstance(body, JsonBody):
        scanned += json_texts(body.document)
    named = []
    for field, part in fields(content):
        if part == NAME:
            named.append(field.key if place(field, part).field_type is FieldType.JSON else field.name)  # type: ignore[union-attr]
        else:
            named.append(value_text(field))
    assert named == scanned


def test_places() -> None:
    content = _content(
        "/shop/a%20b",
        b"q=1",
        [(b"x-note", b"hi"), (b"cookie", b"sid=0; theme=dark")],
        JsonBody(flatten({"items": [{"note": "x"}]})),
    )
    assert [place(field, part) for field, part in fields(content)] == [
        Place(FieldType.PATH_SEGMENT, "0", "value"),
        Place(FieldType.PATH_SEGMENT, "1", "value"),
        Place(FieldType.PATH, "", "value"),
        Place(FieldType.PARAMETER, "q", "name"),
        Place(FieldType.PARAMETER, "q", "value"),
        Place(FieldType.HEADER, "x-note", "name"),
        Place(FieldType.HEADER, "x-note", "value"),
        Place(FieldType.HEADER, "cookie", "name"),
        Place(FieldType.HEADER, "cookie:sid", "name"),
        Place(FieldType.HEADER, "cookie:sid", "value"),
        Place(FieldType.HEADER, "cookie:theme", "name"),
        Place(FieldType.HEADER, "cookie:theme", "value"),
        Place(FieldType.JSON, "$.items", "name"),
        Place(FieldType.JSON, "$.items[0].note", "name"),
        Place(FieldType.JSON, "$.items[0].note", "value"),
    ]


def test_all_fields_come_once_with_what_is_not_scanned() -> None:
    headers = [(b"host", b"shop"), (b"cookie", b"a=1")]
    content = _content("/x", b"q=1", headers, JsonBody(flatten({"n": 5})))
    content.headers = []
    found = list(all_fields(content))
    assert SegmentField("/x", 0, "x") in found
    assert PathField("/x", "/x") in found
    assert HeaderField("host", "shop") in found
    assert HeaderField("cookie", "a=1") in found
    assert CookieField("a", "1") in found
    assert [value_text(field) for field in found if field_type(field) is FieldType.JSON] == ["", "5"]
    assert len(found) == len(set(map(id, found)))
