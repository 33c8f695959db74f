"""Framing that could be read in two ways is refused before anything reaches the application."""

from __future__ import annotations

from collections.abc import Callable

import engine_configurations as configurations
import pytest
from framing_cases import CASES, Case
from played_exchanges import play
from running_gateway import StartGateway
from scripted_origin import OriginConnection, StartOrigin

from microgateway_engine.config.runtime import ApplicationRuntime, Runtime


@pytest.fixture
def application(make_runtime: Callable[..., Runtime]) -> ApplicationRuntime:
    return make_runtime().applications[configurations.PORT]


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    assert len(CASES) >= 150
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_where_it_is_cut_changes_nothing(case: Case, application: ApplicationRuntime) -> None:
    whole = play([case.sent], application)
    assert play([case.sent[at : at + 1] for at in range(len(case.sent))], application) == whole
    for at in range(1, min(len(case.sent), 400)):
        assert play([case.sent[:at], case.sent[at:]], application) == whole, at


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_is_answered_and_what_reaches_the_application(
    case: Case, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    reached: list[str] = []

    async def read(connection: OriginConnection) -> None:
        while True:
            head, body = await connection.request()
            if not head:
                return
            method, target, _ = head.split(b" ", 2)
            reached.append(f"{method.decode()} {target.decode()} {body.decode()}")
            await connection.respond(b"")

    origin = await start_origin(read)
    client = await (await start_gateway(origin.address)).client()
    await client.send(case.sent)
    client.end()
    statuses = [(await client.answer()).status for _ in case.statuses]
    assert (tuple(statuses), tuple(reached)) == (case.statuses, case.reached)
    assert await client.closed() == b""
    assert len(origin.heads) == len(case.reached)
