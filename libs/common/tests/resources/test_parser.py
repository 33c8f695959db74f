"""Parser: which bodies are parsed when nothing is said, and what rules do."""

from __future__ import annotations

from microgateway_common.resources.parser import Parse, ParseMultipart, ParserRule, ParserSpec, Skip


def test_defaults() -> None:
    request = ParserSpec.model_validate({}).request
    assert request.default_content_type == "application/x-www-form-urlencoded"
    assert request.custom.rules == ()
    parsers = request.parsers
    assert (parsers.form.enable, parsers.json_.enable, parsers.multipart.enable) == (True, True, True)
    assert parsers.form.media_type_pattern == ".*urlencoded.*"
    assert parsers.json_.media_type_pattern == ".*json.*"
    assert parsers.multipart.media_type_pattern == ".*multipart.*"


def test_a_rule_parses_or_skips() -> None:
    parse = ParserRule.model_validate({"action": {"parse": {"multipart": {}}}, "requestConditions": {}})
    skip = ParserRule.model_validate({"action": {"skip": {}}, "requestConditions": {}})
    assert isinstance(parse.action, Parse)
    assert parse.action.root == ParseMultipart()
    assert skip.action == Skip()
