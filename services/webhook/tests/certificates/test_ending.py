from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from microgateway_webhook.certificates.authority import KeyPair, new_authority
from microgateway_webhook.certificates.ending import due, warn
from microgateway_webhook.cluster import ClusterError

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def pair(days: float) -> KeyPair:
    """A certificate that lives so long."""
    return new_authority(BEGIN, timedelta(days=days))


@pytest.mark.parametrize(
    ("life", "left", "expected"),
    [
        (365, 120, 0), (365, 31, 0), (365, 30, 30), (365, 8, 30), (365, 7, 7), (365, 1, 1), (365, -3, 1),
        (90, 29, 0), (90, 7, 7), (30, 9, 0), (30, 7, 7), (10, 7, 0), (10, 1, 1), (3, 0.5, 0),
    ],
)  # fmt: skip
def test_it_is_time_to_warn_when_a_renewal_is_overdue(life: float, left: float, expected: int) -> None:
    assert due(pair(life), BEGIN + timedelta(days=life - left)) == expected


@dataclass
class Noted:
    """Events, with an API server that is away at first."""

    notes: list[str] = field(default_factory=list)
    refusals: int = 1

    async def warn(self, reason: str, note: str) -> None:
        assert reason == "CertificateEndsSoon"
        if self.refusals:
            self.refusals -= 1
            raise ClusterError("connection refused")
        self.notes.append(note)


@dataclass
class Clock:
    """looks: how often it was looked at."""

    time: datetime
    looks: int = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return self.time


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a list has no event to wait for
            await asyncio.sleep(0.01)


async def test_each_threshold_is_told_of_once_and_a_renewal_ends_it() -> None:
    certificates = {"serving": pair(365), "authority": pair(3650)}
    now, herald = Clock(BEGIN + timedelta(days=340)), Noted()
    warning = asyncio.create_task(warn(certificates, herald, now, interval=0.01))
    await until(lambda: len(herald.notes) == 1)
    assert "the serving certificate of the webhook ends at 2027-01-01 00:00 UTC" in herald.notes[0]
    assert "in 30 days" in herald.notes[0]

    now.time += timedelta(days=20)
    await until(lambda: len(herald.notes) == 2)
    assert "in 7 days" in herald.notes[1]
    certificates["serving"] = new_authority(now.time, timedelta(days=365))
    now.time += timedelta(days=5)
    looks = now.looks
    await until(lambda: now.looks > looks + 3)
    assert len(herald.notes) == 2
    warning.cancel()
