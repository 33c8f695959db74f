"""Exceptions as narrow as they can be said without a secret."""

from __future__ import annotations

import pytest

from microgateway_common.ir.data import (
    AnyData,
    AtJsonPath,
    HeaderData,
    JsonData,
    ParameterData,
    ParameterSource,
    PathData,
    RequestData,
)
from microgateway_common.ir.matching import AnyString, Exact, Prefix, Regex
from microgateway_common.names import RuleKey
from microgateway_inspection.explain.exceptions import exception_for, is_narrow
from microgateway_inspection.fields import (
    CookieField,
    Field,
    HeaderField,
    JsonField,
    ParameterField,
    PathField,
)
from microgateway_inspection.parsing.json import Index
from microgateway_inspection.request import Request
from microgateway_inspection.selectors import compile_selector

_ANY = AnyString()
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2ln"
REQUEST = Request("GET", "/a/b", b"", [], "192.0.2.1")


def _data(field: Field) -> RequestData:
    return exception_for("exceptions[0]", (RuleKey("SQL"),), field, REQUEST).data


@pytest.mark.parametrize(
    ("field", "data"),
    [
        (HeaderField("x-note", "v"), HeaderData(Exact("x-note", ignore_case=True), _ANY)),
        (CookieField("theme", "v"), HeaderData(Exact("cookie:theme", ignore_case=True), _ANY)),
        (
            ParameterField("q", "v", ParameterSource.QUERY),
            ParameterData(Exact("q", ignore_case=False), _ANY, ParameterSource.QUERY),
        ),
        (
            ParameterField("", "v", ParameterSource.POST),
            ParameterData(Regex("^$", ignore_case=False), _ANY, ParameterSource.POST),
        ),
        (
            ParameterField(f"t_{JWT}", "v", ParameterSource.POST),
            ParameterData(Prefix("t_", ignore_case=False), _ANY, ParameterSource.POST),
        ),
        (JsonField(("a", Index(3, 9), "b c"), "b c", "v"), JsonData(AtJsonPath("$.a[*]['b c']"), _ANY, _ANY)),
        (JsonField((), "", "v"), JsonData(AtJsonPath("$"), _ANY, _ANY)),
        (PathField("/a/b", "/a/b"), PathData(Exact("/a/b", ignore_case=False))),
        (PathField(f"/a/{JWT}/b", ""), PathData(Prefix("/a/", ignore_case=False))),
    ],
    ids=repr,
)
def test_data_is_the_field(field: Field, data: RequestData) -> None:
    assert _data(field) == data
    assert is_narrow(data)
    assert compile_selector(data)(field)


@pytest.mark.parametrize(
    "data",
    [AnyData(), ParameterData(_ANY, _ANY, ParameterSource.ANY), HeaderData(_ANY, _ANY), PathData(_ANY)],
    ids=repr,
)
def test_what_names_no_field_is_not_narrow(data: RequestData) -> None:
    assert not is_narrow(data)


def test_methods_that_resources_do_not_know_are_left_open() -> None:
    request = Request("PROPFIND", "/a", b"", [], "192.0.2.1")
    exception = exception_for("exceptions[0]", (), HeaderField("a", "b"), request)
    assert exception.conditions.methods == ()
