from __future__ import annotations

import json

from microgateway_cli.readable import readable

ACCESS = {
    "@timestamp": "2026-01-01T10:00:00.123456Z",
    "event": {"type": ["access"], "duration": 1_500_000},
    "http": {"request": {"id": "r-1", "method": "GET"}, "response": {"status_code": 400}},
    "url": {"path": "/x"},
    "airlock": {
        "actions": {
            "block": {
                "details": {
                    "block_subtype": "SQL",
                    "rule_id": "SQL-010",
                    "description": "a tautology",
                    "place": {"type": "Parameter", "name": "q", "part": "value"},
                    "matched": "' or 1=1",
                    "resource": {"kind": "DenyRules", "namespace": "shop", "name": "strict"},
                }
            },
            "log_only": [
                {
                    "block_subtype": "parameter_count",
                    "limit": 3,
                    "measured": 4,
                    "resource": {"kind": "Limits"},
                }
            ],
        }
    },
}


def test_an_access_line_says_what_was_blocked_where_and_by_whom() -> None:
    assert readable("engine", json.dumps(ACCESS)) == (
        "10:00:00.123 engine     400 GET /x  1.5 ms"
        "  BLOCKED SQL-010 (a tautology) in Parameter 'q' (value) matched \"' or 1=1\""
        " by DenyRules shop/strict"
        "  request id r-1"
        "  would block: parameter_count limit 3, got 4 by the defaults of Limits"
    )


def test_an_application_event() -> None:
    line = {"@timestamp": "2026-01-01T10:00:00.123Z", "log": {"level": "error"}, "message": "no"}
    assert readable("engine", json.dumps(line)) == "10:00:00.123 engine     ERROR no"
    line = {"log": {"level": "info"}, "message": "yes", "error": {"stack_trace": "Traceback"}}
    assert readable("engine", json.dumps(line)).endswith("yes\nTraceback")


def test_what_is_no_json_is_shown_as_it_is() -> None:
    assert readable("demo", "plain text").endswith("demo       plain text")
    assert readable("demo", "[1]").endswith("[1]")
