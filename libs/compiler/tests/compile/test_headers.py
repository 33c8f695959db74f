from __future__ import annotations

import pytest

from microgateway_common.ir.header_rewrites import AddMode, HeaderAddition, HeaderGroup
from microgateway_common.ir.matching import ALWAYS, Exact
from microgateway_common.managed_headers import MANAGED_HEADERS
from microgateway_compiler.compile import headers

GROUPS = [each for each in vars(headers).values() if isinstance(each, HeaderGroup)]
ADDITIONS = [each for each in vars(headers).values() if isinstance(each, HeaderAddition)]


def names(group: HeaderGroup) -> set[str]:
    return {header.name.value for header in group.headers if isinstance(header.name, Exact)}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_groups_are_named_unconditional_and_without_repetition(group: HeaderGroup) -> None:
    assert group.name.startswith("builtIn.")
    assert group.conditions == ALWAYS
    assert len(set(group.headers)) == len(group.headers) > 0


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_headers_of_connection_and_framing_are_the_engines_business(group: HeaderGroup) -> None:
    assert not names(group) & MANAGED_HEADERS


@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda addition: addition.name)
def test_additions_keep_what_the_application_set(addition: HeaderAddition) -> None:
    assert addition.name.startswith("builtIn.")
    assert (addition.conditions, addition.mode) == (ALWAYS, AddMode.ADD_IF_ABSENT)


def test_what_one_list_lets_pass_another_does_not_take() -> None:
    standard = names(headers.STANDARD_REQUEST_HEADERS)

    assert not standard & names(headers.ALTERNATIVE_FORWARDED_HEADERS)
    assert not standard & names(headers.TRACING_HEADERS)
    assert not names(headers.STANDARD_RESPONSE_HEADERS) & (
        names(headers.SERVER_LEAKAGE) | names(headers.APPLICATION_LEAKAGE)
    )


@pytest.mark.parametrize(
    "header", ["accept", "cookie", "authorization", "content-type", "origin", "user-agent", "x-forwarded-for"]
)
def test_applications_work_with_standard_headers(header: str) -> None:
    assert header in names(headers.STANDARD_REQUEST_HEADERS)


@pytest.mark.parametrize("header", ["proxy", "x-http-method-override", "x-original-url", "x-real-ip"])
def test_headers_that_deceive_applications_are_not_standard(header: str) -> None:
    assert header not in names(headers.STANDARD_REQUEST_HEADERS)
