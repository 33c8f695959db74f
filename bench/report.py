"""Writes the results file and the tables of README.md."""

from __future__ import annotations

from pathlib import Path

from bench.results import Results, as_json
from bench.tables import as_markdown

BEGIN = "<!-- results: written by `make bench` -->"
END = "<!-- end of results -->"


def into_readme(text: str, tables: str) -> str:
    """README.md with new tables. Raises ValueError when it lacks the markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md: expected the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def save(results: Results, folder: Path, readme: Path) -> Path:
    """Write both; the results file. A second run of the day replaces the first."""
    target = folder / f"{results.date[:10]}-{results.machine.slug}.json"
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(as_json(results))
    readme.write_text(into_readme(readme.read_text(), as_markdown(results)))
    return target
