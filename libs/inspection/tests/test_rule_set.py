from __future__ import annotations

import threading
from itertools import accumulate
from pathlib import Path

import hyperscan
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection import rule_set
from microgateway_inspection.rule_set import RuleSet
from microgateway_inspection.rules.patterns import join


def _rule_ids(rules: RuleSet, text: bytes) -> set[str]:
    return {rules.rules[rules.owners[number]].id for number in rules.scan(text) if number >= rules.hints}


def test_a_scan_names_each_rule_once(rules: RuleSet) -> None:
    assert "SQL-010" in _rule_ids(rules, b"x' union all select 1 -- ' union all select 2")
    assert len(rules.scan(b"<script><script>")) == len(set(rules.scan(b"<script><script>")))
    assert rules.scan(b"hello world") == []


_ATTACKS = [b"' union select 1", b"<script>", b"; cat /etc/passwd", b"../../../x"]


@given(st.lists(st.binary(max_size=10) | st.sampled_from(_ATTACKS), min_size=1, max_size=12))
def test_matches_are_attributed_to_their_text(rules: RuleSet, texts: list[bytes]) -> None:
    """Searching the buffer finds in each text what searching the text alone finds."""
    buffer = join(texts)
    starts = [0, *accumulate(len(text) + 1 for text in texts[:-1])]
    for rule in rules.rules[::7]:
        together = {match.text: (match.start, match.end) for match in rules.find(rule, buffer, starts)}
        alone = {
            at: found.span()
            for at, text in enumerate(texts)
            if (found := rule.regex.search(join([text]))) is not None
        }
        assert together == alone


def test_threads_share_a_rule_set(rules: RuleSet) -> None:
    found: list[int] = []

    def scan() -> None:
        for _ in range(200):
            found.append(len(rules.scan(b"<script>" + b"x" * 10_000)))

    threads = [threading.Thread(target=scan) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 800
    assert len(set(found)) == 1


#: Where a serialized database says which processor it is for (Hyperscan, src/database.h).
_PLATFORM = slice(12, 20)


@pytest.mark.interpreted
class TestCache:
    @pytest.fixture
    def compiled(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """One entry for each time that the database was compiled."""
        times: list[int] = []
        compile_database = rule_set._compile

        def counted(*arguments: object) -> object:
            times.append(1)
            return compile_database(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(rule_set, "_compile", counted)
        return times

    def test_is_written_once_and_then_read(self, tmp_path: Path, compiled: list[int]) -> None:
        cache = tmp_path / "deep" / "cache"
        RuleSet.load(cache)
        again = RuleSet.load(cache)
        assert len(compiled) == 1
        assert "XSS-010" in _rule_ids(again, b"<script>")
        assert [each.suffix for each in cache.iterdir()] == [".hsdb"]

    @pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "foreign"])
    def test_a_damaged_one_is_replaced(self, tmp_path: Path, compiled: list[int], damage: str) -> None:
        RuleSet.load(tmp_path)
        (file,) = tmp_path.iterdir()
        content = bytearray(file.read_bytes())
        if damage == "flipped":
            content[-1] ^= 1
        damaged = {
            "empty": b"",
            "cut": bytes(content[:1000]),
            "flipped": bytes(content),
            "foreign": b"something else" * 100,
        }[damage]
        file.write_bytes(damaged)
        again = RuleSet.load(tmp_path)
        assert len(compiled) == 2
        assert "XSS-010" in _rule_ids(again, b"<script>")
        assert file.read_bytes() != damaged

    def test_one_for_another_processor_is_replaced(self, tmp_path: Path, compiled: list[int]) -> None:
        made = RuleSet.load(tmp_path)
        database = bytearray(hyperscan.dumpb(made._database))
        database[_PLATFORM] = bytes(8)
        (file,) = tmp_path.iterdir()
        rule_set._write(file, rule_set._digest(made.rules), bytes(database))
        again = RuleSet.load(tmp_path)
        assert len(compiled) == 2
        assert "XSS-010" in _rule_ids(again, b"<script>")

    def test_one_that_cannot_be_written_costs_time_only(self, tmp_path: Path) -> None:
        occupied = tmp_path / "file"
        occupied.write_text("not a directory")
        assert "XSS-010" in _rule_ids(RuleSet.load(occupied), b"<script>")
