"""POST /dry-run: what manifests would do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from microgateway_common import wire
from microgateway_common.bus.reader import Reader
from microgateway_common.mirror import Mirrored
from microgateway_common.names import GatewayKey, split_key
from microgateway_common.problems import ObjectRef
from microgateway_config_api.access.viewer import Asking
from microgateway_config_api.dry_run.posted import Posted, read_posted
from microgateway_config_api.dry_run.trial import Trial
from microgateway_config_api.dry_run.verdicts import Live, NothingPublished, Verdict, verdict
from microgateway_config_api.problem_details import BusUnreadableError, BusyError, MirrorIncompleteError
from microgateway_config_api.source import Bus
from microgateway_config_api.views.dry_run import DryRunView, Question, dry_run_view

router = APIRouter(prefix="/dry-run", tags=["dry run"])

#: Seconds that somebody waits for others' dry runs; compiling takes one at a time.
PATIENCE = 5.0


class Turns:
    """One dry run at a time: they compile, in threads that others need as well."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Raises BusyError."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._turn.acquire()
        except TimeoutError as error:
            raise BusyError(f"expected a turn within {PATIENCE:g} s, got none: try again") from error
        try:
            yield
        finally:
            self._turn.release()


def turns_of(request: Request) -> Turns:
    turns: Turns = request.app.state.turns
    return turns


@router.post("", summary="What manifests would do; nothing is done")
async def dry_run(
    bus: Bus, asking: Asking, turns: Annotated[Turns, Depends(turns_of)], question: Question
) -> DryRunView:
    """The manifests are compiled on top of the objects that are live in their namespaces, as the reconciler
    would, and compared with what engines are given. Values that look like secrets are neither shown nor
    compared. Needs the right to list sidecargateways in these namespaces."""
    async with turns.take():
        files = [(each.path, each.content) for each in question.files]
        posted = await run_in_threadpool(read_posted, files, question.namespace)
        for namespace in sorted(posted.namespaces or {question.namespace}):
            await asking.needs_namespace(namespace)
        async with bus.reading() as reader:
            mirrored = await _mirrored(reader, posted)
        trial = await run_in_threadpool(_try, mirrored, posted, question.complete)
        async with bus.reading() as reader:
            live = {gateway: await _live(reader, gateway) for gateway in trial.affected}
        verdicts = await run_in_threadpool(_judge, trial, live)
        return dry_run_view(trial, verdicts, question.complete)


async def _mirrored(reader: Reader, posted: Posted) -> list[Mirrored]:
    """The live objects of the posted namespaces. Raises MirrorIncompleteError."""
    found = [each for namespace in sorted(posted.namespaces) for each in await reader.sources(namespace)]
    refs = {each.ref for each in found} | posted.refs
    for status in await reader.gateways():
        namespace, name = split_key(status.gateway)
        if namespace in posted.namespaces and ObjectRef("SidecarGateway", namespace, name) not in refs:
            raise MirrorIncompleteError(
                f"gateway {status.gateway}: expected its objects beside it, got none; reconcilers of this "
                "version write them"
            )
    return found


async def _live(reader: Reader, gateway: GatewayKey) -> Live:
    data = await reader.bundle(gateway)
    if data is None:
        return NothingPublished()
    try:
        return wire.open_bundle(data, gateway, wire.ShowToPeople())[1]
    except wire.WireError as error:
        raise BusUnreadableError(f"bundle of gateway {gateway}: {error}") from error


def _try(mirrored: Iterable[Mirrored], posted: Posted, complete: bool) -> Trial:
    return Trial(mirrored, posted, complete=complete)


def _judge(trial: Trial, live: dict[GatewayKey, Live]) -> dict[GatewayKey, Verdict]:
    return {
        gateway: verdict(outcome, trial.problems_of(outcome) if outcome is not None else (), live[gateway])
        for gateway, outcome in trial.affected.items()
    }
