"""An API server for each module, with our kinds and two namespaces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chain import ROOT
from kube_api_server import KubeApiServer, binaries
from kube_webhook import OWN


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApiServer]:
    assets = binaries()
    if isinstance(assets, str):
        pytest.skip(assets)
    with KubeApiServer(tmp_path_factory.mktemp("kube"), assets) as server:
        server.kubectl("apply", "-k", str(ROOT / "deploy" / "kustomize" / "crds"))
        server.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=120s")
        for namespace in (OWN, "shop"):
            server.kubectl("create", "namespace", namespace)
        yield server
