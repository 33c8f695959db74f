from __future__ import annotations

from typing import Any

import pytest

from microgateway_common.ir.header_rewrites import AllowAll, AllowMatching, HeaderRewrites, Rewrites
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.problems import ObjectRef
from microgateway_common.resources.header_rewrites import HeaderRewritesSpec
from microgateway_compiler.compile.header_rewrites import header_rewrites
from microgateway_compiler.compile.part import Part

REF = ObjectRef("HeaderRewrites", "shop", "x")


def compiled(**spec: Any) -> Part[HeaderRewrites]:
    return header_rewrites(DefaultOrigin("HeaderRewrites"), REF, HeaderRewritesSpec.model_validate(spec))


def names(rewrites: Rewrites) -> tuple[list[str], list[str], list[str]]:
    allowed = rewrites.allow.groups if isinstance(rewrites.allow, AllowMatching) else ()
    removed, added = [each.name for each in rewrites.remove], [each.name for each in rewrites.add]
    return [each.name for each in allowed], removed, added


def test_defaults() -> None:
    found = compiled().value

    assert names(found.request) == (
        ["builtIn.standardHeaders"],
        ["builtIn.alternativeForwardedHeaders"],
        [],
    )
    assert found.response.allow == AllowAll()
    assert names(found.response)[1:] == (
        [
            "builtIn.auth.negotiate",
            "builtIn.auth.ntlm",
            "builtIn.informationLeakage.server",
            "builtIn.informationLeakage.application",
            "builtIn.permissiveCors",
        ],
        [
            "builtIn.hsts",
            "builtIn.permissionsPolicy",
            "builtIn.referrerPolicy",
            "builtIn.xContentTypeOptions",
            "builtIn.xFrameOptions",
        ],
    )


def test_preloading_goes_before_plain_hsts_since_the_first_addition_wins() -> None:
    added = names(compiled(response={"add": {"builtIn": {"hstsPreload": True}}}).value.response)[2]

    assert added[:2] == ["builtIn.hstsPreload", "builtIn.hsts"]


def test_custom_groups_come_after_the_built_in() -> None:
    custom = [{"name": "mine", "headers": [{"name": {"matcher": {"exact": "X-A"}}}]}]
    found = compiled(request={"allow": {"matchingHeaders": {"custom": custom}}, "remove": {"custom": custom}})

    assert names(found.value.request)[:2] == (
        ["builtIn.standardHeaders", "mine"],
        ["builtIn.alternativeForwardedHeaders", "mine"],
    )


def test_switching_every_list_off_lets_nothing_pass() -> None:
    allow = {"matchingHeaders": {"builtIn": {"standardHeaders": False}}}

    assert compiled(request={"allow": allow}).value.request.allow == AllowMatching(())


@pytest.mark.parametrize("direction", ["request", "response"])
@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("X-A", "%NOPE%", "value"),
        ("X-A", "a\r\nSet-Cookie: b", "value"),
        ("X-A", "a\x85b", "value"),
        ("Transfer-Encoding", "chunked", "name"),
        ("hOST", "inner", "name"),
    ],
)
def test_what_cannot_be_added_is_a_problem(direction: str, name: str, value: str, field: str) -> None:
    custom = [{"name": "mine", "headers": [{"name": "X-Fine", "value": "a"}, {"name": name, "value": value}]}]
    [problem] = compiled(**{direction: {"add": {"custom": custom}}}).problems

    assert (problem.subject, problem.field) == (REF, f"spec.{direction}.add.custom[0].headers[1].{field}")
