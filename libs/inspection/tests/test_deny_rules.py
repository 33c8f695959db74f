from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from microgateway_common.ir.data import (
    AnyData,
    AnySegment,
    FieldType,
    HeaderData,
    ParameterData,
    ParameterSource,
    PathSegmentData,
    SegmentAt,
)
from microgateway_common.ir.deny_rules import (
    Level,
    RuleException,
    RuleSetting,
    RuleSettingFor,
    ThreatHandling,
)
from microgateway_common.ir.matching import ALWAYS, AnyString, Exact, Regex, RequestConditions
from microgateway_common.names import RuleKey
from microgateway_inspection import deny_rules
from microgateway_inspection.known import MAX_NUMBER
from microgateway_inspection.policy import Policy, PolicyError
from microgateway_inspection.request import Request
from microgateway_inspection.verdict import PASS, Block, DenyRuleThreat, LimitThreat, Pass, Verdict

MakePolicy = Callable[..., Policy]
MakeRequest = Callable[..., Request]

SQL, XSS = RuleKey("SQL"), RuleKey("XSS")
LOG_ONLY, BLOCK = ThreatHandling.LOG_ONLY, ThreatHandling.BLOCK
ANY = AnyString()
UNION = b"q=1+union+all+select+2"


def _threats(verdict: Verdict) -> list[DenyRuleThreat]:
    assert all(isinstance(threat, DenyRuleThreat) for threat in verdict.threats)
    return [threat for threat in verdict.threats if isinstance(threat, DenyRuleThreat)]


def _where(verdict: Verdict) -> list[tuple[str, str, str]]:
    """Rule key, type of field and name of each threat, without repetition."""
    found = [(each.rule_key, str(each.place.field_type), each.place.name) for each in _threats(verdict)]
    return list(dict.fromkeys(found))


class TestEvidence:
    def test_names_rule_place_decoding_and_match(self, standard: Policy, make_request: MakeRequest) -> None:
        verdict = standard.inspect(make_request(query=b"q=%2527+union+all+select+A"), None)
        assert isinstance(verdict, Block)
        assert isinstance(verdict.cause, DenyRuleThreat)
        cause = verdict.cause
        assert (cause.rule_key, cause.rule_id, cause.level) == ("SQL", "SQL-010", Level.BASIC)
        assert (cause.place.field_type, cause.place.name, cause.place.part) == (
            FieldType.PARAMETER,
            "q",
            "value",
        )
        assert cause.decoding == ()
        assert cause.snippet == "%27 union all select A"
        assert verdict.threats == (cause,)

    def test_tells_what_was_decoded(self, standard: Policy, make_request: MakeRequest) -> None:
        verdict = standard.inspect(make_request(query=b"q=%2526lt;script>"), None)
        (threat,) = _threats(verdict)
        assert threat.decoding == ("url", "html")
        assert threat.snippet == "<script>"

    @pytest.mark.parametrize(
        ("path", "headers", "where"),
        [
            ("/a/1%20union%20all%20select%202", [], ("SQL", "PathSegment", "1")),
            ("/a/1%20union%2F**%2Fall%20select%202", [], ("SQL", "PathSegment", "1")),
            ("/union/**/all/**/select", [], ("SQL", "Path", "")),
            ("/", [(b"x-note", b"<script>")], ("XSS", "Header", "x-note")),
            ("/", [(b"user-agent", b"() { :; }; id")], ("UNIXCMD", "Header", "user-agent")),
            ("/", [(b"cookie", b"a=1; b=%3Cscript%3E")], ("XSS", "Header", "cookie:b")),
            ("/", [(b"referer", b"https://x.example/?q=%3Cscript%3E")], ("XSS", "Header", "referer")),
        ],
    )
    def test_places(
        self,
        standard: Policy,
        make_request: MakeRequest,
        path: str,
        headers: list[tuple[bytes, bytes]],
        where: tuple[str, str, str],
    ) -> None:
        assert _where(standard.inspect(make_request(path, headers=headers), None)) == [where]

    def test_json_places(self, standard: Policy, json_request: Request) -> None:
        body = json.dumps({"items": [{"note": "fine"}, {"note": "<script>"}]}).encode()
        assert _where(standard.inspect(json_request, body)) == [("XSS", "JSON", "$.items[1].note")]
        body = json.dumps({"items": [{"<script>": 1}]}).encode()
        (threat,) = _threats(standard.inspect(json_request, body))
        assert (threat.place.name, threat.place.part) == ("$.items[0]['<script>']", "name")

    def test_form_and_multipart_places(
        self, standard: Policy, form_request: Request, multipart_request: Request
    ) -> None:
        assert _where(standard.inspect(form_request, b"a=1&b=%3Cscript%3E")) == [("XSS", "Parameter", "b")]
        body = (
            b'--B\r\nContent-Disposition: form-data; name="f"; filename="../../../x"\r\n\r\n'
            b"' or 1=1 --\r\n--B--\r\n"
        )
        assert _where(standard.inspect(multipart_request, body)) == [("IDOR", "Parameter", "f")]


class TestSettings:
    @pytest.mark.parametrize(
        ("level", "value", "blocks"),
        [
            (Level.UNFILTERED, b"1+union+all+select+2", False),
            (Level.BASIC, b"1+union+all+select+2", True),
            (Level.BASIC, b"1+union+select+x", False),
            (Level.STANDARD, b"1+union+select+x", True),
            (Level.STANDARD, b"select+a+size+from+the+store", False),
            (Level.STRICT, b"select+a+size+from+the+store", True),
        ],
    )
    def test_each_level_includes_those_before_it(
        self, make_policy: MakePolicy, make_request: MakeRequest, level: Level, value: bytes, blocks: bool
    ) -> None:
        verdict = make_policy(level=level).inspect(make_request(query=b"q=" + value), None)
        assert isinstance(verdict, Block) == blocks

    def test_a_cell_differs_from_the_default(
        self, make_policy: MakePolicy, make_request: MakeRequest
    ) -> None:
        off = RuleSettingFor(SQL, FieldType.PARAMETER, RuleSetting(Level.UNFILTERED, BLOCK))
        policy = make_policy(settings=(off,))
        assert policy.inspect(make_request(query=UNION), None) is PASS
        assert isinstance(policy.inspect(make_request(query=b"q=<script>"), None), Block)
        header = make_request(headers=[(b"x-note", b"1 union all select 2")])
        assert isinstance(policy.inspect(header, None), Block)

    def test_off_in_segments_is_off_in_the_path(
        self, make_policy: MakePolicy, make_request: MakeRequest
    ) -> None:
        off = RuleSettingFor(SQL, FieldType.PATH_SEGMENT, RuleSetting(Level.UNFILTERED, BLOCK))
        policy = make_policy(settings=(off,))
        assert policy.inspect(make_request("/a/1%20union%20all%20select%202"), None) is PASS
        assert isinstance(policy.inspect(make_request("/union/**/all/**/select"), None), Block)

    def test_log_only_reports_everything_and_passes(
        self, make_policy: MakePolicy, make_request: MakeRequest
    ) -> None:
        policy = make_policy(handling=LOG_ONLY)
        verdict = policy.inspect(make_request("/..%2f..%2f..%2f", UNION, [(b"x-a", b"<script>")]), None)
        assert isinstance(verdict, Pass)
        assert {key for key, _, _ in _where(verdict)} == {"SQL", "XSS", "IDOR"}
        assert all(threat.handling is LOG_ONLY for threat in verdict.threats)

    def test_what_was_only_logged_is_told_with_the_block(
        self, make_policy: MakePolicy, make_request: MakeRequest
    ) -> None:
        logged = tuple(RuleSettingFor(SQL, each, RuleSetting(Level.STANDARD, LOG_ONLY)) for each in FieldType)
        verdict = make_policy(settings=logged).inspect(make_request(query=UNION + b"&x=<script>"), None)
        assert isinstance(verdict, Block)
        assert verdict.cause.handling is BLOCK
        assert verdict.cause in verdict.threats
        assert {key for key, _, _ in _where(verdict)} == {"SQL", "XSS"}

    def test_a_field_is_told_once_a_key(self, make_policy: MakePolicy, make_request: MakeRequest) -> None:
        policy = make_policy(handling=LOG_ONLY, level=Level.STRICT)
        verdict = policy.inspect(make_request(query=b"q=1+union+all+select+1+from+x"), None)
        assert [each.rule_id for each in _threats(verdict)] == ["SQL-010"]

    def test_reports_end(self, make_policy: MakePolicy, json_request: Request) -> None:
        policy = make_policy(handling=LOG_ONLY)
        verdict = policy.inspect(json_request, json.dumps(["<script>"] * 1000).encode())
        assert len(verdict.threats) == deny_rules.MAX_PLACES
        everything = "<script>' union all select 1;id|sh -c x ../../../etc/passwd"
        verdict = policy.inspect(json_request, json.dumps([everything] * 100).encode())
        assert len(verdict.threats) == deny_rules.MAX_THREATS


class TestExceptions:
    @staticmethod
    def _exception(
        data: object, *keys: RuleKey, conditions: RequestConditions = ALWAYS
    ) -> tuple[RuleException, ...]:
        return (RuleException("exceptions[0]", keys, data, conditions),)  # type: ignore[arg-type]

    def test_covers_its_data_and_nothing_else(
        self, make_policy: MakePolicy, make_request: MakeRequest
    ) -> None:
        data = ParameterData(Exact("q", False), ANY, ParameterSource.ANY)
        policy = make_policy(exceptions=self._exception(data, SQL))
        assert policy.inspect(make_request(query=UNION), None) is PASS
        assert isinstance(policy.inspect(make_request(query=UNION.replace(b"q=", b"p=")), None), Block)
        assert isinstance(policy.inspect(make_request(query=b"q=<script>"), None), Block)

    def test_without_keys_covers_all_rules(self, make_policy: MakePolicy, make_request: MakeRequest) -> None:
        data = ParameterData(Exact("q", False), ANY, ParameterSource.ANY)
        policy = make_policy(exceptions=self._exception(data))
        assert policy.inspect(make_request(query=b"q=<script>+union+all+select"), None) is PASS

    def test_applies_where_its_conditions_hold(
        self, make_policy: MakePolicy, make_request: MakeRequest
    ) -> None:
        conditions = RequestConditions(path=Exact("/editor", False))
        policy = make_policy(exceptions=self._exception(AnyData(), SQL, conditions=conditions))
        assert policy.inspect(make_request("/editor", UNION), None) is PASS
        assert isinstance(policy.inspect(make_request("/", UNION), None), Block)

    def test_a_header_excepted_here_is_not_harmless_there(
        self, make_policy: MakePolicy, make_request: MakeRequest
    ) -> None:
        conditions = RequestConditions(path=Exact("/editor", False))
        data = HeaderData(Exact("X-Note", False), ANY)
        policy = make_policy(exceptions=self._exception(data, conditions=conditions))
        headers = [(b"x-note", b"<script>"), (b"x-other", b"fine")]
        for _ in range(2):
            assert policy.inspect(make_request("/editor", headers=headers), None) is PASS
            assert isinstance(policy.inspect(make_request("/", headers=headers), None), Block)

    def test_of_a_segment_does_not_hide_what_spans_segments(
        self, make_policy: MakePolicy, make_request: MakeRequest
    ) -> None:
        data = PathSegmentData(SegmentAt(0), ANY)
        policy = make_policy(exceptions=self._exception(data))
        assert policy.inspect(make_request("/<script>/x"), None) is PASS
        assert isinstance(policy.inspect(make_request("/x/<script>"), None), Block)
        assert isinstance(policy.inspect(make_request("/..;/<script>"), None), Block)
        assert policy.inspect(make_request("/.git/x"), None) is PASS
        assert isinstance(policy.inspect(make_request("/x/.git/x"), None), Block)
        union = "1%20union%20all%20select%202"
        assert policy.inspect(make_request(f"/{union}/x"), None) is PASS
        assert isinstance(policy.inspect(make_request(f"/{union}/<img%20/x/onerror=a>"), None), Block)
        tag = "<img%20onerror=a>"
        assert policy.inspect(make_request(f"/{tag}/x"), None) is PASS
        assert isinstance(policy.inspect(make_request(f"/{tag}/<img%20/x/%20onerror=a>"), None), Block)

    def test_cookies_are_covered_by_the_cookie_header(
        self, make_policy: MakePolicy, make_request: MakeRequest
    ) -> None:
        policy = make_policy(exceptions=self._exception(HeaderData(Exact("Cookie", False), ANY)))
        assert policy.inspect(make_request(headers=[(b"cookie", b"a=<script>")]), None) is PASS

    def test_one_that_cannot_be_read_is_named(self, make_policy: MakePolicy) -> None:
        conditions = RequestConditions(path=Exact("/x", False))
        broken = RuleException(
            "exceptions[7]", (), PathSegmentData(AnySegment(), Regex("(", False)), conditions
        )
        with pytest.raises(PolicyError, match=r"^DenyRules \(defaults\): exceptions\[7\]: expected an RE2"):
            make_policy(exceptions=(broken,))


@pytest.mark.interpreted
class TestBudget:
    def test_blocks_where_any_rule_does(
        self, make_policy: MakePolicy, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deny_rules, "SCAN_BUDGET", 1000)
        long = make_request(query=b"q=" + b"x" * 1000)
        blocking = RuleSettingFor(SQL, FieldType.JSON, RuleSetting(Level.BASIC, BLOCK))
        assert isinstance(make_policy(handling=LOG_ONLY).inspect(long, None), Pass)
        assert isinstance(make_policy(handling=LOG_ONLY, settings=(blocking,)).inspect(long, None), Block)
        assert make_policy(level=Level.UNFILTERED).inspect(long, None) is PASS

    def test_what_is_not_looked_at_does_not_pass(
        self, make_policy: MakePolicy, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deny_rules, "SCAN_BUDGET", 1000)
        verdict = make_policy().inspect(make_request(query=b"q=" + b"x" * 1000), None)
        assert isinstance(verdict, Block)
        assert isinstance(verdict.cause, LimitThreat)
        assert (verdict.cause.subtype, verdict.cause.limit) == ("inspection_budget", 1000)

    def test_decoded_forms_count(
        self, make_policy: MakePolicy, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deny_rules, "SCAN_BUDGET", 1000)
        query = b"q=" + b"%2525" * 280
        verdict = make_policy().inspect(make_request(query=query), None)
        assert isinstance(verdict, Block)
        assert isinstance(verdict.cause, LimitThreat)
        assert verdict.cause.subtype == "inspection_budget"
        assert isinstance(make_policy(handling=LOG_ONLY).inspect(make_request(query=query), None), Pass)


def test_a_header_that_was_not_looked_at_is_not_remembered(
    make_policy: MakePolicy, make_request: MakeRequest
) -> None:
    policy = make_policy(handling=LOG_ONLY)
    headers = [(b"x-note", b"<script>")]
    policy.inspect(make_request(query=b"&".join([b"q=<script>"] * 20), headers=headers), None)
    assert _where(policy.inspect(make_request(headers=headers), None)) == [("XSS", "Header", "x-note")]


def test_harmless_headers_are_remembered_and_their_number_is_bounded(
    make_policy: MakePolicy, make_request: MakeRequest
) -> None:
    policy = make_policy()
    for number in range(5000):
        headers = [(b"x-id", b"%d" % number), (b"x-note", b"%25d")]
        assert policy.inspect(make_request(headers=headers), None) is PASS
    assert isinstance(policy.inspect(make_request(headers=[(b"x-id", b"<script>")]), None), Block)
    assert len(policy._deny._known.headers) <= MAX_NUMBER
