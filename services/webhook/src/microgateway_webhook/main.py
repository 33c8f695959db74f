"""The command `microgateway-webhook`.

It serves as soon as it has a certificate. Exit codes: 0 after SIGTERM, 1 cannot start, 2 wrong usage.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import uvicorn
import uvloop

from microgateway_common import logs

from .app import create_app
from .certificates.authority import CertificateError, KeyPair
from .certificates.directory import follow, read_pair
from .certificates.ending import warn
from .certificates.keeper import INTERVAL, Keeper
from .certificates.life import Policy, State
from .certificates.tls import Tls
from .cluster import ApiServer, Facts, Offline, WebhookConfiguration
from .context import Context
from .metrics import Metrics
from .settings import InCluster, KeepOurOwn, MountedCertificate, Settings, WithoutCluster, from_arguments

logger = logging.getLogger(__name__)

SERVICE = "microgateway-webhook"

#: Seconds that running requests get after SIGTERM.
GRACE = 5

_PROBES = ("/healthz", "/readyz", "/metrics")


def main() -> None:
    settings = from_arguments()
    logs.set_up(SERVICE, settings.log_level)
    logging.getLogger("uvicorn.access").addFilter(_is_no_probe)
    for chatty in ("httpx", "httpcore"):  # lines for each request otherwise
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # uvicorn shuts down on these and then raises them again for the handlers it found: ours.
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    try:
        uvloop.run(run(settings))
    except (OSError, CertificateError) as error:
        logger.critical("cannot start: %s", error)
        sys.exit(1)


async def run(settings: Settings) -> None:
    """Answer until SIGTERM or SIGINT. Raises OSError and CertificateError when it cannot start."""
    facts, server = _cluster(settings)
    metrics = Metrics()
    shown = Shown(metrics)
    match settings.certificates:
        case KeepOurOwn() as own:
            assert server is not None
            tls, following = await _kept(_keeper(settings, own, server), shown)
        case MountedCertificate() as mounted:
            tls, following = _mounted(mounted, shown)
    logger.info("webhook listens on %s, template %s", settings.listen, settings.template.digest)
    serving = _server(settings, Context(settings.template, facts, metrics), tls)
    follower = asyncio.create_task(following)
    # It ends only by a mistake of ours: better a restart than a certificate that nobody renews.
    follower.add_done_callback(lambda _: setattr(serving, "should_exit", True))
    heralds = [] if server is None else [asyncio.create_task(warn(shown.certificates, server, _now))]
    try:
        await serving.serve()
        if follower.done():
            follower.result()
    finally:
        for task in (follower, *heralds):
            task.cancel()
        if server is not None:
            await server.close()


def _cluster(settings: Settings) -> tuple[Facts, ApiServer | None]:
    match settings.cluster:
        case WithoutCluster(version=version):
            return Offline(version), None
        case InCluster(access=access):
            secret = settings.certificates.secret if isinstance(settings.certificates, KeepOurOwn) else ""
            server = ApiServer(access, (settings.namespace, secret), settings.service)
            return server, server


def _keeper(settings: Settings, own: KeepOurOwn, server: ApiServer) -> Keeper:
    service = f"{own.service}.{settings.namespace}.svc"
    configurations = tuple(
        WebhookConfiguration(f"{kind.lower()}s", kind, own.configuration)
        for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    )
    names = (service, f"{service}.cluster.local")
    policy = Policy(names, own.authority_lifetime, own.serving_lifetime, own.overlap)
    interval = min(INTERVAL, own.overlap.total_seconds() / 10)
    return Keeper(server, server, configurations, policy, interval)


class Shown:
    """The certificates of now, by what they are: for metrics and Events."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.certificates: dict[str, KeyPair] = {}

    def show(self, name: str, pair: KeyPair) -> None:
        self.certificates[name] = pair
        self._metrics.certificate(name, pair.expires)


async def _kept(keeper: Keeper, shown: Shown) -> tuple[Tls, Coroutine[Any, Any, None]]:
    first = await keeper.until_stored()
    tls = Tls(first.serving)

    def show(state: State) -> None:
        tls.use(state.serving)
        shown.show("serving", state.serving)
        shown.show("authority", state.authority)

    show(first)
    return tls, keeper.run(show)


def _mounted(mounted: MountedCertificate, shown: Shown) -> tuple[Tls, Coroutine[Any, Any, None]]:
    pair = read_pair(mounted.folder)
    tls = Tls(pair)

    def show(pair: KeyPair) -> None:
        tls.use(pair)
        shown.show("serving", pair)

    show(pair)
    return tls, follow(mounted.folder, pair, show)


def _server(settings: Settings, context: Context, tls: Tls) -> uvicorn.Server:
    config = uvicorn.Config(
        create_app(context),
        host=settings.listen.host,
        port=settings.listen.port,
        http="httptools",
        ws="none",
        ssl_context_factory=lambda _config, _default: tls.context,
        log_config=None,  # its loggers go where all others go
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)


def _now() -> datetime:
    return datetime.now(UTC)


def _exit(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _is_no_probe(record: logging.LogRecord) -> bool:
    """Probes and scrapes come every few seconds; uvicorn's arguments are client, method, path, …"""
    arguments = record.args
    return not (isinstance(arguments, tuple) and len(arguments) > 2 and arguments[2] in _PROBES)
