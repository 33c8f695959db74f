"""Certificates that nobody renewed: an Event for people 30, 7 and 1 days before one ends.

Whoever renews does so earlier, a third of a certificate's life before its end: what is nearer than a quarter
of it is worth a word. Certificates that live for less than four days end too soon for one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from microgateway_webhook.cluster import ClusterError

from .authority import KeyPair

logger = logging.getLogger(__name__)

DAYS = (1, 7, 30)

#: Seconds between two looks.
INTERVAL = 600.0

REASON = "CertificateEndsSoon"


class Herald(Protocol):
    async def warn(self, reason: str, note: str) -> None:
        """A Warning Event; the same one twice is one. Raises ClusterError."""


def due(pair: KeyPair, now: datetime) -> int:
    """The days of which it is time to warn; 0 for none."""
    life = pair.expires - pair.begins
    for days in DAYS:
        ahead = timedelta(days=days)
        if pair.expires - now <= ahead <= life / 4:
            return days
    return 0


def note(name: str, pair: KeyPair, days: int) -> str:
    """What there is to say, the same by every replica."""
    return (
        f"the {name} certificate of the webhook ends at {pair.expires:%Y-%m-%d %H:%M} UTC, in {days} days or "
        "less, and was not renewed; when it has ended no labelled pod can be created. The webhook's log, or "
        "cert-manager's, says why"
    )


async def warn(
    certificates: Mapping[str, KeyPair],
    herald: Herald,
    clock: Callable[[], datetime],
    interval: float = INTERVAL,
) -> None:
    """Forever. certificates: by what they are, as they are at each look."""
    said: set[str] = set()
    while True:
        for name, pair in list(certificates.items()):
            if not (days := due(pair, clock())) or (text := note(name, pair, days)) in said:
                continue
            logger.error("%s", text)
            try:
                await herald.warn(REASON, text)
            except ClusterError as error:
                logger.warning("cannot write an Event: %s", error)
                continue
            said.add(text)
        await asyncio.sleep(interval)
