"""What a kubeconfig says, read by the official client."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.kube_config import load_kube_config


class KubeconfigError(Exception):
    """It cannot be read, or lacks what was named."""


class NoKubeconfigError(KubeconfigError):
    """None was named, and there is none that can be used where kubectl looks for it."""


def bearer_token(path: Path | None, context: str | None) -> str | None:
    """None when its user has none, as with a client certificate; its plugins (`exec`) are asked.

    path: None for the files kubectl would take. context: None for the current one. Raises KubeconfigError.
    """
    configuration = Configuration()
    try:
        asyncio.run(
            load_kube_config(  # type: ignore[no-untyped-call] # the client ships few types
                config_file=None if path is None else str(path),
                context=context,
                client_configuration=configuration,
            )
        )
    except (ConfigException, OSError) as error:
        kind = NoKubeconfigError if path is None and context is None else KubeconfigError
        raise kind(f"kubeconfig: {error}") from error
    return str(configuration.api_key.get("BearerToken", "")).removeprefix("Bearer ") or None
