"""Histories as this process knows them, for a Redis that comes back empty. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Set
from typing import Final

from microgateway_common.history import History
from microgateway_common.names import GatewayKey, Generation

#: Bytes of configurations, of all gateways together.
MOST_REMEMBERED: Final = 32 * 1024 * 1024


class Memory:
    """most: bytes; of more, the configurations recorded first are forgotten."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._bytes = 0
        self._histories: dict[GatewayKey, History] = {}
        self._configurations: OrderedDict[tuple[GatewayKey, Generation], bytes] = OrderedDict()

    def history(self, gateway: GatewayKey) -> History:
        """An empty one when there is none."""
        return self._histories.get(gateway, History())

    def configurations(self, gateway: GatewayKey) -> Mapping[Generation, bytes]:
        """Those of the history that are remembered."""
        found = ((each.generation, (gateway, each.generation)) for each in self.history(gateway).entries)
        return {
            generation: self._configurations[key] for generation, key in found if key in self._configurations
        }

    def adopt(self, gateway: GatewayKey, history: History) -> None:
        """Redis holds this, which counts."""
        kept = {each.generation for each in history.entries}
        for each in self.history(gateway).entries:
            if each.generation not in kept:
                self._bytes -= len(self._configurations.pop((gateway, each.generation), b""))
        self._histories[gateway] = history

    def put(self, gateway: GatewayKey, history: History, configuration: bytes) -> None:
        """Redis holds this now. configuration: of the newest entry, empty for none."""
        self.adopt(gateway, history)
        if configuration:
            self._configurations[gateway, history.entries[0].generation] = configuration
            self._bytes += len(configuration)
        while self._bytes > self._most:
            _, forgotten = self._configurations.popitem(last=False)
            self._bytes -= len(forgotten)

    def forget_others(self, gateways: Set[GatewayKey]) -> None:
        """There are no gateways but these."""
        for gateway in self._histories.keys() - gateways:
            self.adopt(gateway, History())
            del self._histories[gateway]
