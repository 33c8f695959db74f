from __future__ import annotations

import pytest

from microgateway_common.ir.data import (
    AnyData,
    AnyLocation,
    AnySegment,
    AtJsonPath,
    GraphQLData,
    HeaderData,
    JsonData,
    ParameterData,
    ParameterSource,
    PathData,
    PathSegmentData,
    RequestData,
    SegmentAt,
)
from microgateway_common.ir.matching import AnyString, Contains, Exact, Prefix, Regex
from microgateway_inspection.fields import (
    CookieField,
    Field,
    HeaderField,
    JsonField,
    ParameterField,
    PathField,
    SegmentField,
)
from microgateway_inspection.parsing.json import Index
from microgateway_inspection.selectors import compile_selector

ANY = AnyString()
_FIELDS: dict[str, Field] = {
    "path": PathField("/shop/1", "/shop/1"),
    "segment 0": SegmentField("/shop/1", 0, "shop"),
    "segment 1": SegmentField("/shop/1", 1, "1"),
    "header": HeaderField("x-note", "hello"),
    "cookie header": HeaderField("cookie", "sid=0"),
    "cookie": CookieField("sid", "0"),
    "query": ParameterField("q", "hello", ParameterSource.QUERY),
    "post": ParameterField("q", "hello", ParameterSource.POST),
    "json": JsonField(("items", Index(0, 1), "note"), "note", "hello"),
    "json number": JsonField(("n",), "n", 5),
}


@pytest.mark.parametrize(
    ("data", "selected"),
    [
        (AnyData(), set(_FIELDS)),
        (HeaderData(ANY, ANY), {"header", "cookie header", "cookie"}),
        (HeaderData(Exact("X-Note", False), ANY), {"header"}),
        (HeaderData(Exact("Cookie", False), ANY), {"cookie header", "cookie"}),
        (HeaderData(Exact("cookie:sid", False), ANY), {"cookie"}),
        (HeaderData(ANY, Exact("hello", False)), {"header"}),
        (ParameterData(ANY, ANY, ParameterSource.ANY), {"query", "post"}),
        (ParameterData(Exact("q", False), ANY, ParameterSource.POST), {"post"}),
        (ParameterData(Exact("Q", False), ANY, ParameterSource.ANY), set()),
        (ParameterData(ANY, Contains("ell", False), ParameterSource.QUERY), {"query"}),
        (JsonData(AnyLocation(), ANY, ANY), {"json", "json number"}),
        (JsonData(AtJsonPath("$.items[*].note"), ANY, ANY), {"json"}),
        (JsonData(AnyLocation(), Exact("n", False), ANY), {"json number"}),
        (JsonData(AnyLocation(), ANY, Regex("[0-9]", False)), {"json number"}),
        (PathData(Prefix("/shop", False)), {"path", "segment 0", "segment 1"}),
        (PathData(Prefix("/other", False)), set()),
        (PathSegmentData(AnySegment(), ANY), {"segment 0", "segment 1"}),
        (PathSegmentData(SegmentAt(1), ANY), {"segment 1"}),
        (PathSegmentData(AnySegment(), Exact("shop", False)), {"segment 0"}),
        (GraphQLData(ANY, ANY, ANY), set()),
    ],
)
def test_selects(data: RequestData, selected: set[str]) -> None:
    select = compile_selector(data)
    assert {name for name, field in _FIELDS.items() if select(field)} == selected


@pytest.mark.parametrize(
    "data",
    [HeaderData(ANY, Regex("(", False)), JsonData(AtJsonPath("$["), ANY, ANY), PathData(Regex("[", False))],
)
def test_what_cannot_be_read_is_refused(data: RequestData) -> None:
    with pytest.raises(ValueError, match="expected"):
        compile_selector(data)
