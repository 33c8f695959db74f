"""Certificates of somebody else, such as cert-manager: `tls.crt` and `tls.key` in a mounted folder.

The kubelet replaces the files when the Secret changes; looking at them every few seconds is enough.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from .authority import CertificateError, KeyPair, check_pair

logger = logging.getLogger(__name__)

INTERVAL = 5.0


def read_pair(folder: Path) -> KeyPair:
    """Raises OSError and CertificateError."""
    pair = KeyPair((folder / "tls.crt").read_bytes(), (folder / "tls.key").read_bytes())
    check_pair(pair)
    return pair


async def follow(
    folder: Path, known: KeyPair, show: Callable[[KeyPair], None], interval: float = INTERVAL
) -> None:
    """Forever. show: called with each new pair; a broken one is logged and the former stays."""
    while True:
        await asyncio.sleep(interval)
        try:
            pair = read_pair(folder)
        except (OSError, CertificateError) as error:
            logger.warning("%s: the certificate stays as it is: %s", folder, error)
            continue
        if pair != known:
            known = pair
            show(pair)
            logger.info("%s: new certificate, until %s", folder, pair.expires)
