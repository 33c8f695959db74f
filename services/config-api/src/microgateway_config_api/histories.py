"""The history of a gateway, read from the bus, and the configurations in it."""

from __future__ import annotations

from typing import Final, NamedTuple

from microgateway_common.bus.reader import Reader
from microgateway_common.difference import Tree
from microgateway_common.history import Entry, History
from microgateway_common.names import GatewayKey, Generation, gateway_key
from microgateway_common.status import GatewayStatus, Published

from .access.viewer import Viewer
from .configurations import unknown_gateway
from .problem_details import NotKeptError, UnknownGenerationError
from .source import Source

#: Names for the newest entry, and for the one before it.
CURRENT: Final = "current"
PREVIOUS: Final = "previous"


class GatewayHistory(NamedTuple):
    """live: generation of the entry that engines are given; None when there is none of it."""

    gateway: GatewayKey
    history: History
    live: Generation | None

    def entry(self, wanted: str) -> Entry:
        """wanted: a generation, CURRENT or PREVIOUS. Raises UnknownGenerationError."""
        entries = self.history.entries
        named = {CURRENT: 0, PREVIOUS: 1}
        if wanted in named:
            if named[wanted] < len(entries):
                return entries[named[wanted]]
        elif wanted.isascii() and wanted.isdigit():
            found = self.history.entry(Generation(int(wanted)))
            if found is not None:
                return found
        raise UnknownGenerationError(
            f"gateway {self.gateway}: expected current, previous or a generation of its history, which has "
            f"{len(entries)}, got {wanted}",
            [str(each.generation) for each in entries[:5]],
        )

    def between(self, one: Entry, other: Entry) -> list[Entry]:
        """What came after the earlier one up to the later one, the newest first."""
        first, last = sorted((one.generation, other.generation))
        return [each for each in self.history.entries if first < each.generation <= last]


async def history_of(bus: Source, viewer: Viewer, namespace: str, name: str) -> GatewayHistory:
    """Raises ForbiddenError, UnknownGatewayError, BusUnavailableError, BusUnreadableError."""
    gateway = gateway_key(namespace, name)
    await viewer.needs_gateway(namespace, name)
    async with bus.reading() as reader:
        status = await reader.gateway(namespace, name)
        if status is not None:
            history = await reader.history(gateway)
            return GatewayHistory(gateway, history, _live(history, status))
        known = [each.gateway for each in await reader.gateways()]
    raise await unknown_gateway(viewer, gateway, known)


def _live(history: History, status: GatewayStatus) -> Generation | None:
    """The newest with the digest that was published: its generation may be later, under newer keys."""
    if not isinstance(status.published, Published):
        return None
    digest = status.published.digest
    return next((each.generation for each in history.entries if each.digest == digest), None)


async def configuration_of(reader: Reader, gateway: GatewayKey, entry: Entry) -> Tree:
    """Without secrets. Raises NotKeptError."""
    found = await reader.past_configuration(gateway, entry.generation)
    if not isinstance(found, dict):
        raise NotKeptError(
            f"gateway {gateway}: expected the configuration of generation {entry.generation}, got none: too "
            "large to keep, or Redis has lost it"
        )
    return found
