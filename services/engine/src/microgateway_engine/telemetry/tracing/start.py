"""A process's tracer, when there is to be one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, assert_never

from .settings import TracingOff, TracingOn

if TYPE_CHECKING:
    from .tracer import Tracer


def tracer_of(settings: TracingOff | TracingOn, version: str) -> Callable[[], Tracer | None]:
    """What makes it, in the process it is for: it has a thread."""
    match settings:
        case TracingOff():
            return _no_tracer
        case TracingOn():
            # Here, since an HTTP client is among it, which nobody else needs.
            from .tracer import Tracer

            return partial(Tracer, settings, version)
        case _:
            assert_never(settings)


def _no_tracer() -> None:
    """Nothing is traced."""
