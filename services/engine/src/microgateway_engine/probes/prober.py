"""Prober: path → outcome."""

from __future__ import annotations

import asyncio
import logging
from typing import assert_never

from microgateway_engine.http.errors import ProtocolError

from . import grpc, http, tcp
from .definitions import GrpcProbe, HttpProbe, Probe, Probes, TcpProbe
from .outcomes import Failed, Outcome, Succeeded

logger = logging.getLogger(__name__)


class Prober:
    """Tries the pod's probes at its address.

    Each probe runs once at a time, and who asks meanwhile shares its outcome: whoever reaches the health port
    cannot make the engine hammer the application.
    """

    def __init__(self, probes: Probes, host: str) -> None:
        self.probes = probes
        self._host = host
        self._running: dict[str, asyncio.Task[Outcome]] = {}
        self._outcomes: dict[str, Outcome] = {}

    async def run(self, path: str, agent: str) -> Outcome:
        """path: one of `probes`. agent: the User-Agent of who asks."""
        running = self._running.get(path)
        if running is None:
            running = asyncio.get_running_loop().create_task(self._run(path, agent))
            self._running[path] = running
            running.add_done_callback(lambda _: self._running.pop(path, None))
        return await asyncio.shield(running)

    async def _run(self, path: str, agent: str) -> Outcome:
        outcome = await self._try(self.probes[path], agent)
        before, self._outcomes[path] = self._outcomes.get(path), outcome
        if isinstance(outcome, Failed) and outcome != before:
            logger.info("probe %s failed: %s", path, outcome.reason)
        elif isinstance(outcome, Succeeded) and isinstance(before, Failed):
            logger.info("probe %s succeeds again", path)
        return outcome

    async def _try(self, probe: Probe, agent: str) -> Outcome:
        try:
            async with asyncio.timeout(probe.timeout):
                match probe:
                    case HttpProbe():
                        return await http.run(probe, self._host, agent)
                    case TcpProbe():
                        return await tcp.run(probe, self._host)
                    case GrpcProbe():
                        return await grpc.run(probe, self._host, agent)
                    case _:
                        assert_never(probe)
        except TimeoutError:
            return Failed(f"no answer within {probe.timeout:g} s")
        except ProtocolError as error:
            return Failed(f"no HTTP/1.1: {error.reason}")
        except (OSError, ValueError) as error:
            return Failed(str(error) or type(error).__name__)
