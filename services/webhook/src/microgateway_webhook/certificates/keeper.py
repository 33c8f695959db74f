"""The loop that keeps the certificates: the same in every replica, and none of them leads.

Replicas write the Secret against its version: of two that advance at once one succeeds, and the other reads
what the first has written. Whatever fails is logged and tried again; what is shown meanwhile stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from microgateway_webhook.cluster import (
    ClusterError,
    ConflictError,
    NoSecret,
    StoredSecret,
    Trust,
    Vault,
    WebhookConfiguration,
)

from .authority import expiry
from .life import Policy, State, advance, bundle, first
from .storage import StorageError, decode, encode

logger = logging.getLogger(__name__)

#: Seconds between two looks; much less than the overlap, in which every replica has to look.
INTERVAL = 10.0

#: What is left of a certificate's life when a warning is due; renewal should have come long before.
_ALARMING = timedelta(days=1)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Keeper:
    """configurations: whose caBundle is ours. clock: for tests."""

    vault: Vault
    trust: Trust
    configurations: tuple[WebhookConfiguration, ...]
    policy: Policy
    interval: float = INTERVAL
    clock: Callable[[], datetime] = _now
    _missing: set[WebhookConfiguration] = field(default_factory=set)
    _last: State | None = None

    async def state(self) -> State:
        """One look: the state of now, stored, with its bundle trusted. Raises ClusterError."""
        while True:
            try:
                state = await self._stored()
            except ConflictError:
                continue
            await self._entrust(state)
            self._last = state
            return state

    async def until_stored(self) -> State:
        """The first state that there is, however long the API server is away."""
        while True:
            try:
                return await self.state()
            except ClusterError as error:
                logger.warning("no certificate yet: %s", error)
                await asyncio.sleep(min(1.0, self.interval))

    async def run(self, show: Callable[[State], None]) -> None:
        """Forever. show: called after each look."""
        while True:
            await asyncio.sleep(self.interval)
            try:
                state = await self.state()
            except ClusterError as error:
                logger.warning("certificates stay as they are: %s", error)
                continue
            show(state)
            for name, pair in (("serving certificate", state.serving), ("CA", state.authority)):
                if pair.expires - self.clock() < min(_ALARMING, self.policy.serving_lifetime / 10):
                    logger.error("the %s expires at %s and was not renewed", name, pair.expires)

    async def _stored(self) -> State:
        secret = await self.vault.read()
        stored = self._decoded(secret)
        # A Secret that was deleted comes back as it was: what is trusted stays what is shown.
        state = stored or self._last
        if state is None:
            following: State = first(self.policy, self.clock())
        else:
            following = advance(state, self.policy, self.clock(), is_trusted=await self._is_trusted(state))
        if following is not stored:
            await self.vault.write(encode(following), secret)
            logger.info(
                "certificates: %s, serving until %s, CA until %s",
                type(following).__name__,
                following.serving.expires,
                expiry(following.authority.certificate),
            )
        return following

    def _decoded(self, secret: StoredSecret | NoSecret) -> State | None:
        match secret:
            case StoredSecret(data=data) if data:
                try:
                    return decode(data)
                except StorageError as error:
                    logger.warning("the Secret with the certificates is unreadable and made anew: %s", error)
        return None

    async def _is_trusted(self, state: State) -> bool:
        wanted = bundle(state)
        return not any([await self._untrusting(each, wanted) for each in self.configurations])

    async def _entrust(self, state: State) -> None:
        wanted = bundle(state)
        for configuration in self.configurations:
            webhooks = await self._untrusting(configuration, wanted)
            if webhooks:
                await self.trust.trust(configuration, webhooks, wanted)
                logger.info("%s trusts the current certificates", configuration)

    async def _untrusting(self, configuration: WebhookConfiguration, wanted: bytes) -> list[str]:
        """All webhooks of a configuration if one of them has another bundle. None of what does not exist:
        nothing is called because of it."""
        bundles = await self.trust.bundles(configuration)
        if not bundles and configuration not in self._missing:
            logger.warning("%s does not exist: the API server does not call us because of it", configuration)
        (self._missing.discard if bundles else self._missing.add)(configuration)
        return list(bundles) if any(each != wanted for each in bundles.values()) else []
