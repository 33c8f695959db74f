from __future__ import annotations

import pytest

from microgateway_common.ir.data import ParameterData, ParameterSource
from microgateway_common.ir.deny_rules import RuleException
from microgateway_common.ir.matching import AnyString, Exact, RequestConditions
from microgateway_common.names import RuleKey
from microgateway_inspection.exceptions import Exemption
from microgateway_inspection.fields import Field, HeaderField, ParameterField
from microgateway_inspection.request import Request

SQL, XSS = RuleKey("SQL"), RuleKey("XSS")
_Q = ParameterField("q", "1", ParameterSource.QUERY)
_EXEMPTION = Exemption.compile(
    RuleException(
        "exceptions[0]",
        (SQL,),
        ParameterData(Exact("q", False), AnyString(), ParameterSource.ANY),
        RequestConditions(methods=("GET",)),
    )
)


@pytest.mark.parametrize(
    ("key", "field", "method", "covered"),
    [
        (SQL, _Q, "GET", True),
        (XSS, _Q, "GET", False),
        (SQL, ParameterField("p", "1", ParameterSource.QUERY), "GET", False),
        (SQL, HeaderField("q", "1"), "GET", False),
        (SQL, _Q, "POST", False),
    ],
)
def test_key_data_and_conditions_must_all_fit(key: RuleKey, field: Field, method: str, covered: bool) -> None:
    assert _EXEMPTION.covers(key, field, Request(method, "/", b"", [], "192.0.2.1")) == covered
