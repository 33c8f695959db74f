"""Reconciling from the Kubernetes API server.

Of several reconcilers one leads: it publishes and reports. The others watch and compile as well, so that
the next leader has everything at hand.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from microgateway_common.bus.cancellation import together
from microgateway_compiler.pipeline import Changes

from .archive.archiving import Archiving
from .kubernetes import connection
from .kubernetes.api import ApiServer
from .kubernetes.lease import Lease
from .kubernetes.reporting import Reporter
from .kubernetes.target import LeadershipLostError
from .publication import Publication, SupersededError
from .reconciler import Reconciler
from .settings import FromKubernetes, KeysInFolder, KeysInSecrets, NoKeys, Settings
from .sources.changes import ObjectChange
from .sources.kubernetes import KubernetesSource
from .trust.keeper import Bundled, Custodian, Keeper, Unsigned
from .trust.secret_storage import SecretStorage
from .trust.storage import FolderStorage

logger = logging.getLogger(__name__)


async def reconcile_kubernetes(reconciler: Reconciler, source: FromKubernetes) -> None:
    """Until cancelled. Raises NoAccessError."""
    ledger, metrics = reconciler.ledger, reconciler.metrics
    api = await connection.connect(source.access)
    lease = Lease(api, source.lease_namespace, source.lease_name, source.identity)
    reporter = Reporter(api, reconciler.pipeline, ledger, metrics, source.identity)
    publication = Publication(
        _custodian(reconciler.settings, api, source.lease_namespace),
        ledger,
        metrics,
        may_claim=lambda: lease.held,
        told=reporter.gateways_changed,
        archive=Archiving(reconciler.chronicle, ledger),
    )

    async def lead() -> None:
        """Whenever it can be had: losing it is no reason to forget what was watched."""
        while True:
            await lease.acquire()
            metrics.leading = True
            publication.synchronised.clear()
            try:
                await together(lease.hold(), publication.run(), reporter.run(publication.synchronised))
            except (LeadershipLostError, SupersededError) as reason:
                logger.warning("leading no longer: %s", reason)
            finally:
                metrics.leading = False
                await lease.release()

    def took(batch: Sequence[ObjectChange], changes: Changes) -> None:
        reporter.took(batch, changes)
        publication.changed()

    try:
        watched = KubernetesSource(api, source.scope)
        await reconciler.follow(watched.batches(), took, lambda: [lead()], watched.read_secrets)
    finally:
        await api.close()


def _custodian(settings: Settings, api: ApiServer, namespace: str) -> Custodian:
    """namespace: our own."""
    match settings.trust:
        case NoKeys():
            return Unsigned(settings.redis)
        case KeysInFolder(path, policy):
            return Keeper(FolderStorage(path), settings.redis, policy)
        case KeysInSecrets(keys, bootstrap, server, policy) as secrets:
            storage = SecretStorage(api, namespace, keys, bootstrap, server, secrets.redis_reader)
            return Keeper(storage, Bundled(settings.redis.url) if server else settings.redis, policy)
