"""A tracer is made where there is to be one."""

from __future__ import annotations

import subprocess
import sys

from microgateway_engine.telemetry.tracing.settings import TracingOff, TracingOn, tracing
from microgateway_engine.telemetry.tracing.start import tracer_of


def test_off_makes_none() -> None:
    assert tracer_of(TracingOff(), "1.2.3")() is None


def test_on_makes_one_each_time() -> None:
    settings = tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, {})
    assert isinstance(settings, TracingOn)
    make = tracer_of(settings, "1.2.3")
    tracers = [make(), make()]
    for each in tracers:
        assert each is not None
        each.close()
    assert tracers[0] is not tracers[1]


def test_an_engine_that_traces_nothing_imports_nothing_for_it() -> None:
    code = """
import sys, microgateway_engine.main
print([name for name in sys.modules if ".tracing." in name or name == "http.client"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = [f"microgateway_engine.telemetry.tracing.{name}" for name in ("settings", "start")]
    assert sorted(eval(done.stdout)) == expected
