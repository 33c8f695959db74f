from __future__ import annotations

from microgateway_cli.check.finding import State, listed, unread


def test_a_message_names_a_few_and_counts_the_rest() -> None:
    assert listed(["b", "a"]) == "a, b"
    assert listed(map(str, range(9))) == "0, 1, 2, 3, 4 and 4 more"


def test_what_could_not_be_looked_at_has_failed() -> None:
    found = unread("pods", "read them", "403 Forbidden")
    assert (found.state, found.message) == (State.FAILED, "cannot read them: 403 Forbidden")
