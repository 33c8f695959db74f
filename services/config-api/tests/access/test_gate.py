"""Without an API server: what needs none, and that nobody gets in. With a real one: tests/kubernetes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import certifi
import pytest

from microgateway_config_api.access.gate import LONGEST, ClusterGate, gate_of
from microgateway_config_api.problem_details import AccessUnknownError, UnauthorizedError
from microgateway_config_api.settings import ByCluster, Everybody


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[ClusterGate]:
    """Of an API server that is away."""
    (tmp_path / "token").write_text("ours")
    found = ClusterGate(ByCluster("https://127.0.0.1:1", Path(certifi.where()), tmp_path / "token"))
    yield found
    await found.close()


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Bearer", "Bearer ", "Basic dXNlcjpodW50ZXIy", "hunter2", "Token hunter2", "Bearer a b",
        "Bearer hunter2\x00", "Bearer h\u00fcnter2", "Bearer " + "h" * (LONGEST + 1),
    ],
)  # fmt: skip
async def test_what_is_no_token_is_refused_unasked_and_not_repeated(
    gate: ClusterGate, header: str | None
) -> None:
    with pytest.raises(UnauthorizedError) as error:
        await gate.admit(header)
    assert "nter2" not in str(error.value)
    assert "hhh" not in str(error.value)


async def test_nobody_gets_in_while_the_api_server_is_away(gate: ClusterGate) -> None:
    for _ in range(2):
        with pytest.raises(AccessUnknownError) as error:
            await gate.admit("Bearer hunter2")
        assert "hunter2" not in str(error.value)
        assert "TokenReview" in str(error.value)


async def test_who_cannot_read_its_own_token_lets_nobody_in(tmp_path: Path) -> None:
    gate = ClusterGate(ByCluster("https://127.0.0.1:1", Path(certifi.where()), tmp_path / "absent"))
    with pytest.raises(AccessUnknownError):
        await gate.admit("Bearer hunter2")
    await gate.close()


def test_a_missing_ca_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        gate_of(ByCluster("https://127.0.0.1:1", tmp_path / "absent", tmp_path / "token"))


async def test_where_nobody_is_asked_everybody_sees_everything() -> None:
    viewer = await gate_of(Everybody()).admit(None)
    assert await viewer.sees_everything()
    await viewer.needs_gateway("shop", "webshop")
    await viewer.still()
