"""Keep the allowed, remove, add: in that order, and fast or slow with the same result."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.header_rewrites import (
    AddMode,
    AllowAll,
    AllowMatching,
    HeaderAddition,
    HeaderGroup,
    NewHeader,
    Rewrites,
)
from microgateway_common.ir.matching import (
    ALWAYS,
    AnyString,
    Contains,
    Exact,
    HeaderMatch,
    Prefix,
    Regex,
    RequestConditions,
)
from microgateway_common.operators import parse_template
from microgateway_inspection.conditions import compile_conditions
from microgateway_inspection.header_rewrites import MANAGED, Action, Rewriter
from microgateway_inspection.matching import compile_header_match
from microgateway_inspection.request import Headers, Request

ON_POST = RequestConditions(methods=("POST",))
REQUEST = Request("GET", "/", b"", [], "10.0.0.1")


class Values:
    """`%REQ(tenant)%` is there, everything else is missing."""

    def operator_text(self, name: str, argument: str) -> str | None:
        return "acme\r\nx: y" if (name, argument) == ("REQ", "tenant") else None


def named(*names: str) -> tuple[HeaderMatch, ...]:
    return tuple(HeaderMatch(Exact(name, True), AnyString()) for name in names)


def group(name: str, *headers: HeaderMatch, conditions: RequestConditions = ALWAYS) -> HeaderGroup:
    return HeaderGroup(name, conditions, headers)


def addition(
    mode: AddMode, *headers: tuple[str, str], conditions: RequestConditions = ALWAYS, name: str = "mine"
) -> HeaderAddition:
    return HeaderAddition(
        name, conditions, mode, tuple(NewHeader(each, parse_template(value)) for each, value in headers)
    )


def rewriter(
    allow: AllowAll | AllowMatching = AllowAll(),  # noqa: B008
    remove: tuple[HeaderGroup, ...] = (),
    add: tuple[HeaderAddition, ...] = (),
) -> Rewriter:
    return Rewriter.compile(Rewrites(allow, remove, add))


def test_without_rewrites_every_header_passes() -> None:
    headers = [(b"a", b"1"), (b"a", b"2")]
    assert rewriter().apply(headers, REQUEST, Values()) == headers


def test_what_is_not_allowed_is_dropped_and_what_is_removed_goes() -> None:
    rewrite = rewriter(
        AllowMatching((group("builtIn.standardHeaders", *named("Accept", "Cookie")),)),
        remove=(group("no-cookies", *named("cookie")),),
    )
    headers = [(b"accept", b"*/*"), (b"cookie", b"a=1"), (b"x-evil", b"1"), (b"accept", b"text/html")]
    expected = [(b"accept", b"*/*"), (b"accept", b"text/html")]
    assert rewrite.apply(headers, REQUEST, Values()) == expected
    assert rewrite.apply_recorded(headers, REQUEST, Values()) == (
        expected,
        [Action("no-cookies", "remove", "cookie"), Action("allow", "drop", "x-evil")],
    )
    assert len(headers) == 4


def test_a_removal_may_depend_on_the_value() -> None:
    negotiate = HeaderMatch(Exact("WWW-Authenticate", False), Prefix("negotiate", True))
    rewrite = rewriter(remove=(group("builtIn.auth.negotiate", negotiate),))
    headers = [(b"www-authenticate", b"Negotiate"), (b"www-authenticate", b"Basic realm=x")]
    assert rewrite.apply(headers, REQUEST, Values()) == headers[1:]


def test_a_group_counts_only_when_its_conditions_hold() -> None:
    rewrite = rewriter(
        AllowMatching((group("get", *named("a")), group("post", *named("b"), conditions=ON_POST))),
        remove=(group("not-on-post", *named("a"), conditions=ON_POST),),
    )
    headers = [(b"a", b"1"), (b"b", b"2")]
    assert rewrite.apply(headers, REQUEST, Values()) == [(b"a", b"1")]
    assert rewrite.apply(headers, Request("POST", "/", b"", [], ""), Values()) == [(b"b", b"2")]


def test_add_if_absent_keeps_what_is_there() -> None:
    rewrite = rewriter(
        add=(addition(AddMode.ADD_IF_ABSENT, ("X-Frame-Options", "SAMEORIGIN"), ("X-New", "1")),)
    )
    headers = [(b"x-frame-options", b"DENY")]
    expected = [(b"x-frame-options", b"DENY"), (b"x-new", b"1")]
    assert rewrite.apply(headers, REQUEST, Values()) == expected
    assert rewrite.apply_recorded(headers, REQUEST, Values()) == (
        expected,
        [Action("mine", "skip", "x-frame-options"), Action("mine", "add", "x-new")],
    )


def test_overwrite_or_add_replaces_every_header_of_the_name() -> None:
    rewrite = rewriter(add=(addition(AddMode.OVERWRITE_OR_ADD, ("X-Tenant", "acme"), ("X-New", "1")),))
    headers = [(b"x-tenant", b"evil"), (b"a", b"1"), (b"x-tenant", b"worse")]
    expected = [(b"a", b"1"), (b"x-tenant", b"acme"), (b"x-new", b"1")]
    assert rewrite.apply(headers, REQUEST, Values()) == expected
    assert rewrite.apply_recorded(headers, REQUEST, Values()) == (
        expected,
        [Action("mine", "overwrite", "x-tenant"), Action("mine", "add", "x-new")],
    )


def test_what_was_removed_can_be_added_again() -> None:
    rewrite = rewriter(
        remove=(group("server", *named("Server")),),
        add=(addition(AddMode.ADD_IF_ABSENT, ("Server", "gateway")),),
    )
    assert rewrite.apply([(b"server", b"Apache")], REQUEST, Values()) == [(b"server", b"gateway")]


def test_values_of_a_request_cannot_add_headers() -> None:
    rewrite = rewriter(add=(addition(AddMode.ADD_IF_ABSENT, ("X-Tenant", "t=%REQ(tenant)%")),))
    assert rewrite.apply([], REQUEST, Values()) == [(b"x-tenant", b"t=acme  x: y")]


def test_a_header_of_which_nothing_is_left_is_not_added() -> None:
    rewrite = rewriter(add=(addition(AddMode.ADD_IF_ABSENT, ("X-Cert", "%DOWNSTREAM_PEER_CERT%")),))
    assert rewrite.apply_recorded([], REQUEST, Values()) == ([], [Action("mine", "skip", "x-cert")])


def test_a_header_written_empty_is_added() -> None:
    rewrite = rewriter(add=(addition(AddMode.ADD_IF_ABSENT, ("X-Empty", "")),))
    assert rewrite.apply([], REQUEST, Values()) == [(b"x-empty", b"")]


def test_a_clients_value_never_passes_for_a_missing_one() -> None:
    rewrite = rewriter(add=(addition(AddMode.OVERWRITE_OR_ADD, ("X-User", "%REQ(X-Checked-User)%")),))
    headers = [(b"x-user", b"admin")]
    assert rewrite.apply(headers, REQUEST, Values()) == []
    assert rewrite.apply_recorded(headers, REQUEST, Values()) == ([], [Action("mine", "remove", "x-user")])


@pytest.mark.parametrize("name", sorted(MANAGED))
def test_fields_of_the_connection_cannot_be_added(name: bytes) -> None:
    with pytest.raises(ValueError, match="header rewrites 'mine': expected a header other than"):
        rewriter(add=(addition(AddMode.OVERWRITE_OR_ADD, (name.decode().title(), "1")),))


@pytest.mark.parametrize("name", ["", "a b", "a:", ":path", "x\r\ny", "größe"])
def test_what_is_no_header_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header rewrites 'mine': expected a header name"):
        rewriter(add=(addition(AddMode.ADD_IF_ABSENT, (name, "1")),))


def test_a_value_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="x-a: expected a value without control characters"):
        rewriter(add=(addition(AddMode.ADD_IF_ABSENT, ("x-a", "1\r\nx-b: %PROTOCOL%")),))


def test_a_refused_pattern_names_its_group() -> None:
    bad = HeaderMatch(Regex("(", False), AnyString())
    with pytest.raises(ValueError, match=r"header rewrites 'broken': expected an RE2 .* got '\('"):
        rewriter(remove=(group("broken", bad),))


NAMES = ("a", "b", "X-C", "x-d")
conditions = st.sampled_from((ALWAYS, ALWAYS, ON_POST, RequestConditions(methods=("POST",), invert=True)))
matches = st.builds(
    HeaderMatch,
    st.one_of(
        st.sampled_from(NAMES).map(lambda name: Exact(name, False)),
        st.sampled_from((AnyString(), Prefix("X-", False), Contains("B", False), Regex("[ab]", False))),
    ),
    st.sampled_from((AnyString(), AnyString(), Exact("1", False), Regex("[12]", False))),
)
exact_matches = st.sampled_from(named(*NAMES))
groups = st.one_of(
    st.lists(
        st.builds(
            HeaderGroup, st.just("g"), conditions, st.lists(matches, min_size=1, max_size=3).map(tuple)
        ),
        max_size=3,
    ),
    st.lists(
        st.builds(HeaderGroup, st.just("g"), st.just(ALWAYS), st.lists(exact_matches, max_size=3).map(tuple)),
        max_size=3,
    ),
).map(tuple)
additions = st.lists(
    st.builds(
        HeaderAddition,
        st.just("g"),
        conditions,
        st.sampled_from(AddMode),
        st.lists(
            st.builds(
                NewHeader,
                st.sampled_from(NAMES),
                st.sampled_from(("1", "", "%REQ(tenant)%", "%PROTOCOL%")).map(parse_template),
            ),
            max_size=3,
        ).map(tuple),
    ),
    max_size=3,
).map(tuple)
rewrites = st.builds(Rewrites, st.one_of(st.just(AllowAll()), groups.map(AllowMatching)), groups, additions)
fields = st.lists(
    st.tuples(st.sampled_from([name.lower().encode() for name in NAMES]), st.sampled_from((b"1", b"2", b"3")))
)


def reference(wanted: Rewrites, headers: Headers, request: Request) -> Headers:
    """What rewrites mean, step by step and without any preparation."""

    def meant(each: HeaderGroup, name: bytes, value: bytes) -> bool:
        return compile_conditions(each.conditions)(request) and any(
            compile_header_match(match)(name, value) for match in each.headers
        )

    result = list(headers)
    if isinstance(wanted.allow, AllowMatching):
        allowed = wanted.allow.groups
        result = [field for field in result if any(meant(each, *field) for each in allowed)]
    result = [field for field in result if not any(meant(each, *field) for each in wanted.remove)]
    values = {"1": b"1", "": b"", "%REQ(tenant)%": b"acme  x: y", "%PROTOCOL%": None}
    by_template = {parse_template(text): value for text, value in values.items()}
    for each in wanted.add:
        if not compile_conditions(each.conditions)(request):
            continue
        for new in each.headers:
            name, value = new.name.lower().encode(), by_template[new.value]
            if each.mode is AddMode.OVERWRITE_OR_ADD:
                result = [field for field in result if field[0] != name]
            if value is not None and name not in [present for present, _ in result]:
                result.append((name, value))
    return result


@given(rewrites, fields, st.sampled_from(("GET", "POST")))
def test_every_way_to_apply_rewrites_gives_the_same(wanted: Rewrites, headers: Headers, method: str) -> None:
    request = Request(method, "/", b"", headers, "10.0.0.1")
    before = list(headers)
    expected = reference(wanted, headers, request)
    rewrite = Rewriter.compile(wanted)
    assert rewrite.apply(headers, request, Values()) == expected
    recorded, _actions = rewrite.apply_recorded(headers, request, Values())
    assert recorded == expected
    assert headers == before
