"""The rest is shown on a real API server: tests/kubernetes/test_check.py."""

from __future__ import annotations

import pytest

from microgateway_cli.check.before import version
from microgateway_cli.check.finding import State


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("v1.19.16", State.FAILED),
        ("v1.20.2", State.WARNING),
        ("v1.25.9", State.WARNING),
        ("v1.26.0", State.OK),
        ("v1.31.4+k3s1", State.OK),
        ("v1.100.0-eks-1", State.OK),
        ("v2.0.0", State.WARNING),
        ("", State.WARNING),
    ],
)
def test_a_server_is_new_enough_by_its_minor_version(words: str, state: State) -> None:
    assert version({"gitVersion": words}).state is state
