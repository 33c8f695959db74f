"""Where the engine's process begins."""

from __future__ import annotations

import gc


def main() -> None:
    """Console script `microgateway-engine`.

    Importing leaves next to no cycles behind, and would have the collector look for them in everything that
    has been imported so far, again and again.
    """
    gc.disable()
    from .main import main as run

    gc.freeze()
    gc.enable()
    run()
