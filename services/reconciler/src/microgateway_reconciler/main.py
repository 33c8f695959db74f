"""The reconciler's process."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

import uvloop

from microgateway_common import logs

from .archive.archiving import Archiving
from .kubernetes.target import NoAccessError
from .publication import Publication, SupersededError
from .reconciler import Reconciler
from .settings import (
    FromDirectory,
    FromKubernetes,
    KeysInFolder,
    KeysInSecrets,
    NoKeys,
    Settings,
    parse,
)
from .sources.directory import DirectorySource
from .trust.keeper import Custodian, Keeper, Unsigned
from .trust.storage import FolderStorage

logger = logging.getLogger(__name__)

#: Exit code of a reconciler that a newer one has replaced.
SUPERSEDED = 3


def main() -> None:
    """Console script `microgateway-reconciler`."""
    settings = parse(sys.argv[1:])
    logs.set_up("microgateway-reconciler", settings.log_level)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it reports each change as news
    try:
        uvloop.run(run(settings))
    except* (OSError, NoAccessError) as failures:
        for error in failures.exceptions:
            logger.critical("cannot start: %s", error)
        sys.exit(1)
    except* SupersededError as superseded:
        logger.critical("stopping: %s", superseded.exceptions[0])
        sys.exit(SUPERSEDED)


async def run(settings: Settings) -> None:
    """Reconcile until SIGTERM or SIGINT. Raises OSError, NoAccessError, SupersededError."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)

    reconciler = Reconciler(settings)
    metrics_server = reconciler.metrics.serve(settings.metrics_listen, lambda: reconciler.not_ready)
    match settings.source:
        case FromDirectory() as source:
            work = reconcile_directory(reconciler, source)
        case FromKubernetes() as source:
            # Here, since the Kubernetes client takes half a second and 45 MB that a folder does not need.
            from .on_kubernetes import reconcile_kubernetes

            work = reconcile_kubernetes(reconciler, source)
    async with asyncio.TaskGroup() as tasks:
        background = tasks.create_task(work)
        background.add_done_callback(lambda _: stopped.set())
        await stopped.wait()
        background.cancel()
    metrics_server.shutdown()
    logger.info("stopped")


async def reconcile_directory(reconciler: Reconciler, source: FromDirectory) -> None:
    """From a folder there is one reconciler, and it leads."""
    publication = Publication(
        _custodian(reconciler.settings),
        reconciler.ledger,
        reconciler.metrics,
        archive=Archiving(reconciler.chronicle, reconciler.ledger),
    )
    reconciler.metrics.leading = True
    batches = DirectorySource(source.manifests).batches()
    await reconciler.follow(
        batches, lambda _batch, _changes: publication.changed(), lambda: [publication.run()]
    )


def _custodian(settings: Settings) -> Custodian:
    match settings.trust:
        case NoKeys():
            return Unsigned(settings.redis)
        case KeysInFolder(path, policy):
            return Keeper(FolderStorage(path), settings.redis, policy)
        case KeysInSecrets():  # `settings.parse` lets this pass with the API server only
            raise ValueError("expected keys in a folder, or none, got keys in Secrets")
