from __future__ import annotations

from typing import Any

from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.telemetry import (
    CorrelationHeader,
    CustomAccessLog,
    DefaultAccessLog,
    JsonArray,
    JsonConstant,
    JsonObject,
    JsonText,
    NoCorrelation,
    RequestIds,
    Telemetry,
)
from microgateway_common.ir.templates import Operator, Text
from microgateway_common.problems import ObjectRef
from microgateway_common.resources.telemetry import TelemetrySpec
from microgateway_compiler.compile.part import Part
from microgateway_compiler.compile.telemetry import telemetry

REF = ObjectRef("Telemetry", "shop", "x")


def compiled(**spec: Any) -> Part[Telemetry]:
    return telemetry(DefaultOrigin("Telemetry"), REF, TelemetrySpec.model_validate(spec))


def logged(**members: Any) -> Part[Telemetry]:
    return compiled(logging={"accessLog": {"format": {"json": members}}})


def test_defaults() -> None:
    found = compiled().value

    assert found.correlation == NoCorrelation()
    assert found.request_ids == RequestIds(allow_downstream=False, alter=True)
    assert found.access_log == DefaultAccessLog()


def test_a_correlation_header_has_a_default_name() -> None:
    assert compiled(correlation={"idSource": {"header": {}}}).value.correlation == CorrelationHeader(
        "X-Correlation-Id"
    )


def test_every_json_type_has_its_node() -> None:
    found = logged(text="a %PROTOCOL%", number=1.5, flag=True, nothing=None, inner={"list": [1, ""]})

    assert found.problems == ()
    assert found.value.access_log == CustomAccessLog(
        JsonObject(
            (
                ("text", JsonText((Text("a "), Operator("PROTOCOL", "", 0)))),
                ("number", JsonConstant(1.5)),
                ("flag", JsonConstant(True)),
                ("nothing", JsonConstant(None)),
                ("inner", JsonObject((("list", JsonArray((JsonConstant(1), JsonText(())))),))),
            )
        )
    )


def test_an_empty_format_is_a_format() -> None:
    assert logged().value.access_log == CustomAccessLog(JsonObject(()))


def test_each_bad_string_is_a_problem_at_its_place() -> None:
    fields = [problem.field for problem in logged(a={"b": ["%X%", "fine", "%Y%"]}).problems]
    path = "spec.logging.accessLog.format.json.a.b"

    assert fields == [f"{path}[0]", f"{path}[2]"]


def test_odd_names_are_quoted_in_paths() -> None:
    [problem] = logged(**{"@timestamp": "%X%"}).problems
    assert problem.field == 'spec.logging.accessLog.format.json["@timestamp"]'


def test_depth_is_bounded() -> None:
    nested: Any = "deep"
    for _ in range(60):
        nested = {"a": nested}
    [problem] = logged(a=nested).problems

    assert (problem.expected, problem.got) == ("at most 20 levels", "more")
