from __future__ import annotations

from typing import Any

import pytest

from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.parser import BodyFormat, MediaTypes, ParseAs, Parser, SkipParsing
from microgateway_common.resources.parser import ParserSpec
from microgateway_compiler.compile.parser import compile_parser


def compiled(**request: Any) -> Parser:
    return compile_parser(DefaultOrigin("Parser"), ParserSpec.model_validate({"request": request}))


def test_defaults() -> None:
    found = compiled()

    assert found.default_content_type == "application/x-www-form-urlencoded"
    assert found.rules == ()
    assert found.media_types == (
        MediaTypes(BodyFormat.JSON, ".*json.*"),
        MediaTypes(BodyFormat.MULTIPART, ".*multipart.*"),
        MediaTypes(BodyFormat.FORM, ".*urlencoded.*"),
    )


def test_a_disabled_parser_is_left_out() -> None:
    assert [each.format for each in compiled(parsers={"json": {"enable": False}}).media_types] == [
        BodyFormat.MULTIPART,
        BodyFormat.FORM,
    ]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"skip": {}}, SkipParsing()),
        ({"parse": {"form": {}}}, ParseAs(BodyFormat.FORM)),
        ({"parse": {"json": {}}}, ParseAs(BodyFormat.JSON)),
        ({"parse": {"multipart": {}}}, ParseAs(BodyFormat.MULTIPART)),
    ],
)
def test_each_action_has_its_rule(action: Any, expected: ParseAs | SkipParsing) -> None:
    [rule] = compiled(custom={"rules": [{"action": action, "requestConditions": {}}]}).rules

    assert rule.action == expected
