"""Every small request of the comparison goes through the engine, in memory and stage by stage."""

from __future__ import annotations

from bench.stages import as_markdown, measure, ordinary


def test_each_case_is_measured_as_a_whole_and_by_stage() -> None:
    found = measure(rounds=1)
    assert [each.case for each in found] == [case.name for case in ordinary()]
    for each in found:
        assert each.whole > 0
        assert set(each.stages) == {"parse", "inspect", "exchange", "write", "log", "count"}
        assert each.relay == each.whole - sum(each.stages.values())
    assert all(f"| {case.name} |" in as_markdown(found) for case in ordinary())
