"""How to reach the API server: the pod's service account, or a kubeconfig.

The official client's asyncio side reads both and does TLS; its generated models and its `Watch` are not
used (`api` says why).
"""

from __future__ import annotations

from pathlib import Path

from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import InClusterConfigLoader
from kubernetes.aio.config.kube_config import load_kube_config

from .api import ApiServer
from .target import Access, InCluster, Kubeconfig, NoAccessError


async def connect(access: Access) -> ApiServer:
    """Nothing is sent yet. Raises NoAccessError."""
    configuration = Configuration()
    try:
        match access:
            case InCluster(service_account):
                _in_cluster(service_account, configuration)
            case Kubeconfig(path, context):
                await load_kube_config(  # type: ignore[no-untyped-call] # the client ships few types
                    config_file=None if path is None else str(path),
                    context=context,
                    client_configuration=configuration,
                )
    except (ConfigException, OSError) as error:
        raise NoAccessError(f"no way to the API server: {error}") from error
    return ApiServer(ApiClient(configuration))


def _in_cluster(service_account: Path, configuration: Configuration) -> None:
    token = service_account / "token"
    loader = InClusterConfigLoader(  # type: ignore[no-untyped-call]
        str(token), str(service_account / "ca.crt"), try_refresh_token=False
    )
    loader.load_and_set(configuration)  # type: ignore[no-untyped-call]

    def read_again(current: Configuration) -> None:
        """Before every request: the kubelet renews the file long before the token in it expires, but a
        process that slept through that has an expired one; a read costs some 20 µs."""
        current.api_key["BearerToken"] = f"bearer {token.read_text().strip()}"

    configuration.refresh_api_key_hook = read_again  # type: ignore[assignment]
