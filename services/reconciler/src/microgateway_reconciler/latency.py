"""How long engines take to serve what is published. No I/O."""

from __future__ import annotations

from collections.abc import Callable

from microgateway_common.bus.messages import Acknowledgement, Applied, Assigned
from microgateway_common.names import GatewayKey, Generation


class Latency:
    """seconds: a monotonic clock. on_acknowledged: told when an engine takes up what it had to wait for."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._published: dict[GatewayKey, tuple[Generation, float]] = {}
        self.on_acknowledged: Callable[[float], None] = _nobody_measures

    def published(self, gateway: GatewayKey, generation: Generation) -> None:
        self._published[gateway] = generation, self._seconds()

    def forget(self, gateway: GatewayKey) -> None:
        self._published.pop(gateway, None)

    def heard(self, before: Acknowledgement, now: Acknowledgement) -> None:
        """What an engine said, and says. One that has just started waited for nothing: what it serves was
        published before it was there."""
        if before.instance != now.instance:
            return
        match now.assignment, before.serving, now.serving:
            case Assigned(gateway), Applied(earlier), Applied(generation) if generation > earlier:
                newest, since = self._published.get(gateway, (0, 0.0))
                if newest == generation:
                    self.on_acknowledged(self._seconds() - since)


def _nobody_measures(seconds: float) -> None:
    """Before metrics are kept."""
