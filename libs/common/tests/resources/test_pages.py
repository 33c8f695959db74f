"""The reference has a page a kind, with a row a field."""

from __future__ import annotations

import pytest

from microgateway_common.resources import KINDS
from microgateway_common.resources.pages import page_name, pages


def test_there_is_a_page_a_kind_and_an_index_that_names_them() -> None:
    found = pages()
    assert sorted(found) == sorted(["README.md", *map(page_name, KINDS)])
    for kind in KINDS:
        assert f"[{kind}]({page_name(kind)})" in found["README.md"]


@pytest.mark.parametrize(
    ("page", "row"),
    [
        ("sidecar-gateway.md", "| `spec.applications[].containerPort` | integer | `8080` | 1 to 65535 |"),
        ("sidecar-gateway.md", "| `spec.applications[]` | list of objects | *required* | 1 to 16 items |"),
        ("sidecar-gateway.md", "| `spec.applications[].upstream.protocol` | one of |  |  |"),
        (
            "sidecar-gateway.md",
            "| `spec.applications[].upstream.timeouts.http.maxDuration` | duration | `15s` |  |",
        ),
        ("limits.md", "| `spec.request.limited.general.bodySize` | quantity | `100Mi` |  |"),
        ("limits.md", "| `spec.settings.threatHandlingMode` | string | `Block` | `Block`, `LogOnly` |"),
        ("telemetry.md", "| `spec.logging.accessLog.format.json` | free object |  |  |"),
        ("header-rewrites.md", "| `spec.response.add.builtIn.hsts` | boolean | `true` |  |"),
        ("README.md", "| `exact` | string |  | 1 to 1024 characters |"),
        ("README.md", "| `path.matcher` | [StringMatcher](README.md#stringmatcher) | *required* |  |"),
    ],
)
def test_a_row_tells_type_default_and_bounds(page: str, row: str) -> None:
    assert any(line.startswith(row) for line in pages()[page].splitlines())


@pytest.mark.parametrize("page", pages())
def test_every_row_has_five_cells(page: str) -> None:
    for line in pages()[page].splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 6, line
