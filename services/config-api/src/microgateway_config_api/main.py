"""The command `microgateway-config-api`."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from microgateway_common import logs
from microgateway_common.settings import masked

from .app import create_app
from .settings import Everybody, Settings, from_arguments, is_loopback

logger = logging.getLogger(__name__)

SERVICE = "microgateway-config-api"

#: Seconds that running requests get after SIGTERM.
GRACE = 3

_PROBES = ("/healthz", "/readyz", "/metrics")


def main() -> None:
    settings = from_arguments()
    logs.set_up(SERVICE, settings.log_level)
    _quiet_libraries()
    # uvicorn shuts down on these and then raises them again for the handlers it found: ours.
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    try:
        app = create_app(settings)
    except OSError as error:
        logger.critical("cannot start: %s", error)
        sys.exit(1)
    logger.info("config-api listens on %s and reads %s", settings.listen, masked(settings.redis))
    if settings.access == Everybody() and not is_loopback(settings.listen):
        logger.warning("everybody who can connect to %s is answered (--access local)", settings.listen)
    serve(settings, app)


def serve(settings: Settings, app: FastAPI) -> None:
    """Answer until SIGTERM or SIGINT. Ends the process with code 1 when the port is taken."""
    config = uvicorn.Config(
        app,
        host=settings.listen.host,
        port=settings.listen.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,  # its loggers go where all others go
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    uvicorn.Server(config).run()


def _exit(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _quiet_libraries() -> None:
    for chatty in ("httpx", "httpcore"):  # lines for each request otherwise
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").addFilter(_is_no_probe)
    logging.getLogger("uvicorn.error").addFilter(_without_color)


def _is_no_probe(record: logging.LogRecord) -> bool:
    """Probes and scrapes come every few seconds; uvicorn's arguments are client, method, path, …"""
    arguments = record.args
    return not (isinstance(arguments, tuple) and len(arguments) > 2 and arguments[2] in _PROBES)


def _without_color(record: logging.LogRecord) -> bool:
    """uvicorn attaches its message a second time, with terminal colours."""
    vars(record).pop("color_message", None)
    return True
