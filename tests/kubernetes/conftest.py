"""One API server for all tests here, with the CustomResourceDefinitions; a namespace for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import ROOT
from guarded import Guarded, guarded_config_api
from kube_api_server import KubeApiServer, binaries
from kube_chain import ACCOUNT_NAMESPACE, KubeChain

_number = itertools.count()


@pytest.fixture(scope="session")
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KubeApiServer]:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():  # a build takes minutes, and shows it
        assets = binaries()
    if isinstance(assets, str):
        pytest.skip(assets)
    with KubeApiServer(tmp_path_factory.mktemp("kube"), assets) as server:
        server.kubectl("apply", "-k", str(ROOT / "deploy" / "kustomize" / "crds"))
        server.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=120s")
        server.kubectl("create", "namespace", ACCOUNT_NAMESPACE)
        server.kubectl("apply", "-f", str(ROOT / "deploy" / "kustomize" / "base" / "reconciler-rbac.yaml"))
        yield server


@pytest.fixture
def namespace(cluster: KubeApiServer) -> str:
    name = f"shop-{next(_number)}"
    cluster.kubectl("create", "namespace", name)
    return name


@pytest.fixture
def chain(cluster: KubeApiServer, namespace: str, tmp_path: Path) -> Iterator[KubeChain]:
    with KubeChain(cluster, tmp_path, namespace) as started:
        yield started


@pytest.fixture(scope="module")
def guarded(cluster: KubeApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_config_api(cluster, tmp_path_factory.mktemp("guarded")) as started:
        yield started
