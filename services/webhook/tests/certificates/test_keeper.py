"""Several replicas over one Secret; time is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from microgateway_webhook.certificates.keeper import Keeper
from microgateway_webhook.certificates.life import Introducing, Policy, Retiring, Settled, State, bundle
from microgateway_webhook.cluster import (
    ClusterError,
    ConflictError,
    NoSecret,
    StoredSecret,
    WebhookConfiguration,
)

POLICY = Policy(("webhook.svc",), timedelta(days=90), timedelta(days=10), timedelta(minutes=5))
MUTATING = WebhookConfiguration("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", "webhook")
VALIDATING = WebhookConfiguration(
    "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", "webhook"
)


@dataclass
class Memory:
    """A Secret and two webhook configurations, with the API server's way of saying no."""

    secret: StoredSecret | NoSecret = field(default_factory=NoSecret)
    webhooks: dict[WebhookConfiguration, dict[str, bytes]] = field(default_factory=dict)
    is_away: bool = False
    writes: int = 0

    async def read(self) -> StoredSecret | NoSecret:
        self._answer()
        await asyncio.sleep(0)
        return self.secret

    async def write(self, data: Mapping[str, bytes], former: StoredSecret | NoSecret) -> None:
        self._answer()
        await asyncio.sleep(0)
        if former != self.secret:
            raise ConflictError("the object has been modified")
        self.writes += 1
        self.secret = StoredSecret(str(self.writes), dict(data))

    async def bundles(self, configuration: WebhookConfiguration) -> Mapping[str, bytes]:
        self._answer()
        return dict(self.webhooks.get(configuration, {}))

    async def trust(self, configuration: WebhookConfiguration, webhooks: list[str], bundle: bytes) -> None:
        self._answer()
        assert webhooks == list(self.webhooks[configuration])
        self.webhooks[configuration] = dict.fromkeys(webhooks, bundle)

    def _answer(self) -> None:
        if self.is_away:
            raise ClusterError("connection refused")


@dataclass
class Clock:
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def memory() -> Memory:
    return Memory(webhooks={MUTATING: {"pods": b""}, VALIDATING: {"pods": b"", "resources": b"old"}})


@pytest.fixture
def clock() -> Clock:
    return Clock()


def replica(memory: Memory, clock: Clock) -> Keeper:
    return Keeper(memory, memory, (MUTATING, VALIDATING), POLICY, interval=0.01, clock=clock)


async def test_replicas_that_start_together_agree(memory: Memory, clock: Clock) -> None:
    states = await asyncio.gather(*(replica(memory, clock).state() for _ in range(5)))

    assert len({each.serving.certificate for each in states}) == 1
    assert memory.writes == 1
    assert {each for hooks in memory.webhooks.values() for each in hooks.values()} == {bundle(states[0])}


async def test_a_new_authority_comes_in_steps(memory: Memory, clock: Clock) -> None:
    keepers = [replica(memory, clock) for _ in range(2)]
    seen: list[type[State]] = []
    clock.now += timedelta(seconds=0)
    for minutes in (0, 60 * 24 * 61, 1, 5, 1, 5):
        clock.now += timedelta(minutes=minutes)
        for each in keepers:
            state = await each.state()
        seen.append(type(state))
    assert seen == [Settled, Introducing, Introducing, Retiring, Retiring, Settled]


async def test_the_old_authority_stays_while_a_configuration_misses_the_new(
    memory: Memory, clock: Clock
) -> None:
    keeper = replica(memory, clock)
    await keeper.state()
    clock.now += timedelta(days=61)
    await keeper.state()
    clock.now += timedelta(minutes=6)
    memory.webhooks[MUTATING]["pods"] = b"overwritten"

    assert isinstance(await keeper.state(), Introducing)
    assert isinstance(await keeper.state(), Retiring)


async def test_an_overwritten_bundle_is_mended(memory: Memory, clock: Clock) -> None:
    keeper = replica(memory, clock)
    state = await keeper.state()
    memory.webhooks[VALIDATING]["resources"] = b""

    await keeper.state()

    assert memory.webhooks[VALIDATING] == {"pods": bundle(state), "resources": bundle(state)}


async def test_without_configurations_there_are_certificates_all_the_same(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = replica(Memory(), clock)
    assert await keeper.state() == await keeper.state()
    assert [each.message for each in caplog.records if "does not exist" in each.message] == [
        f"{kind} webhook does not exist: the API server does not call us because of it"
        for kind in (MUTATING.kind, VALIDATING.kind)
    ]


async def test_a_deleted_secret_comes_back_as_it_was(memory: Memory, clock: Clock) -> None:
    keepers = [replica(memory, clock) for _ in range(2)]
    first = [await each.state() for each in keepers]
    memory.secret = NoSecret()
    assert [await each.state() for each in keepers] == first
    assert isinstance(memory.secret, StoredSecret)


async def test_an_unreadable_secret_is_made_anew(
    memory: Memory, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    memory.secret = StoredSecret("7", {"tls.crt": b"nonsense"})
    await replica(memory, clock).state()
    assert isinstance(memory.secret, StoredSecret)
    assert memory.secret.data["tls.crt"].startswith(b"-----BEGIN CERTIFICATE-----")
    assert "is unreadable and made anew" in caplog.text


async def test_it_waits_for_the_api_server_and_outlives_its_absence(
    memory: Memory, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    memory.is_away = True
    keeper = replica(memory, clock)
    waiting = asyncio.create_task(keeper.until_stored())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    memory.is_away = False
    first = await asyncio.wait_for(waiting, 30)

    shown: list[State] = []
    memory.is_away = True
    running = asyncio.create_task(keeper.run(shown.append))
    await asyncio.sleep(0.05)
    assert shown == []
    memory.is_away = False
    async with asyncio.timeout(10):
        while not shown:  # noqa: ASYNC110 - a list has no event to wait for
            await asyncio.sleep(0.01)
    running.cancel()
    assert shown[0] == first
    assert "no certificate yet" in caplog.text
    assert "certificates stay as they are" in caplog.text


async def test_what_cannot_be_renewed_is_an_alarm(
    memory: Memory, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = replica(memory, clock)
    state = await keeper.state()
    clock.now = state.serving.expires - timedelta(hours=1)

    async def stuck() -> State:
        return state

    monkeypatch.setattr(keeper, "state", stuck)
    running = asyncio.create_task(keeper.run(lambda _: None))
    await asyncio.sleep(0.05)
    running.cancel()
    assert "the serving certificate expires at" in caplog.text
