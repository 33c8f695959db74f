"""What a container is told is what its program understands, and it listens where the manifest says."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from kustomize import SYSTEM, Installation, Workload

from microgateway_cni.agent import main as cni_agent
from microgateway_compiler.operator_config_file import read_operator_config
from microgateway_config_api import settings as config_api
from microgateway_reconciler import settings as reconciler
from microgateway_reconciler.kubernetes.target import AllNamespaces, InCluster, Namespaces
from microgateway_webhook import settings as webhook

PREFIX = "MICROGATEWAY_"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the variables that settings were read from, with their prefix."""
    found: set[str] = set()

    def from_environment(name: str, default: str | None = None) -> str | None:
        found.add(PREFIX + name)
        return os.environ.get(PREFIX + name) or default

    for module in (config_api, reconciler, webhook):
        monkeypatch.setattr(module, "from_environment", from_environment)
    return found


@pytest.fixture
def files(installation: Installation, tmp_path: Path) -> Path:
    """The files of all mounted ConfigMaps, by name."""
    for config_map in installation.all("ConfigMap"):
        for name, content in config_map["data"].items():
            (tmp_path / name).write_text(content)
    return tmp_path


def enter(
    monkeypatch: pytest.MonkeyPatch, installation: Installation, workload: Workload, files: Path
) -> list[str]:
    """The environment of the container; its arguments, with mounted files where they are here."""
    environment = {
        **installation.environment(workload),
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    arguments = list(workload.container["args"])
    secrets = {each["name"] for each in workload.pod["volumes"] if "secret" in each}
    for mount in workload.container["volumeMounts"]:
        local = files / mount.get("subPath", mount["name"])
        if mount["name"] in secrets:
            local.mkdir()
        elif "subPath" not in mount:
            continue
        arguments = [each.replace(mount["mountPath"], str(local)) for each in arguments]
        for name in environment:
            if environment[name] == mount["mountPath"]:
                monkeypatch.setenv(name, str(local))
    return arguments


def known(installation: Installation, workload: Workload, asked: set[str]) -> None:
    given = {name for name in installation.environment(workload) if name.startswith(PREFIX)}
    assert given <= asked, f"{workload.name}: variables that nobody reads"


def test_the_reconciler(
    monkeypatch: pytest.MonkeyPatch, installation: Installation, files: Path, asked: set[str]
) -> None:
    workload = installation.workload("microgateway-reconciler")
    arguments = enter(monkeypatch, installation, workload, files)
    settings = reconciler.parse([*arguments, "--lease-namespace", SYSTEM])

    known(installation, workload, asked)
    assert isinstance(settings.source, reconciler.FromKubernetes)
    assert isinstance(settings.source.access, InCluster)
    is_namespaced = not installation.has("ClusterRole", "", "microgateway-reconciler")
    if is_namespaced and installation.has("Role", "shop", "microgateway-reconciler-access"):
        assert settings.source.scope == Namespaces(("shop", "billing"))
    else:
        assert settings.source.scope == AllNamespaces()
    assert workload.ports == {"metrics": settings.metrics_listen.port}


def test_the_webhook(
    monkeypatch: pytest.MonkeyPatch, installation: Installation, files: Path, asked: set[str]
) -> None:
    workload = installation.workload("microgateway-webhook")
    settings = webhook.from_arguments(enter(monkeypatch, installation, workload, files))

    known(installation, workload, asked)
    assert workload.ports == {"https": settings.listen.port}
    environment = installation.environment(workload)
    assert settings.template.redis == environment["MICROGATEWAY_REDIS"]
    assert settings.template.engine.image == environment["MICROGATEWAY_ENGINE_IMAGE"]
    assert settings.template.netcheck.image == environment["MICROGATEWAY_NETCHECK_IMAGE"]
    mounted = any("secret" in volume for volume in workload.pod["volumes"])
    assert isinstance(settings.certificates, webhook.MountedCertificate) == mounted


def test_the_config_api(
    monkeypatch: pytest.MonkeyPatch, installation: Installation, files: Path, asked: set[str]
) -> None:
    workload = installation.workload("microgateway-config-api")
    settings = config_api.from_arguments(enter(monkeypatch, installation, workload, files))

    known(installation, workload, asked)
    assert workload.ports == {"http": settings.listen.port}
    assert settings.listen.host == "0.0.0.0"
    assert isinstance(settings.access, config_api.ByCluster)


def test_the_cni_agent(installation: Installation) -> None:
    workload = installation.workload("microgateway-cni")
    fields = {"$(NAMESPACE)": workload.namespace, "$(HOST_IP)": "10.0.0.1"}
    text = "\n".join(workload.container["args"])
    for reference, value in fields.items():
        text = text.replace(reference, value)
    assert "$(" not in text
    options = cni_agent._parser().parse_args(text.split("\n"))

    assert options.command == "run"
    assert options.daemonset == f"{workload.namespace}/{workload.name}"
    assert workload.ports == {"metrics": options.port}
    mounts = {each["name"]: each["mountPath"] for each in workload.container["volumeMounts"]}
    paths = {each["name"]: each["hostPath"]["path"] for each in workload.pod["volumes"]}
    assert mounts == {name: f"{options.node_root}{path}" for name, path in paths.items()}
    assert mounts["proc"] == str(options.proc)
    assert (paths["cni-net-dir"], paths["cni-bin-dir"]) == (
        str(options.cni_net_dir),
        str(options.cni_bin_dir),
    )


def directives(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def test_redis_keeps_nothing_and_listens_with_tls_but_in_development(installation: Installation) -> None:
    if not installation.has("Deployment", SYSTEM, "microgateway-redis"):
        return
    workload = installation.workload("microgateway-redis")
    (text,) = (
        raw["data"]["redis.conf"] for raw in installation.all("ConfigMap") if "redis.conf" in raw["data"]
    )
    given = {name: values for name, *values in directives(text)}
    environment = installation.environment(installation.workload("microgateway-reconciler"))
    uses_tls = environment["MICROGATEWAY_REDIS"].startswith("rediss://")

    assert given["save"] == [""]
    assert given["appendonly"] == ["no"]
    listens = int(given["tls-port" if uses_tls else "port"][0])
    assert workload.ports == {"redis": listens}
    assert (given["port"] == ["0"]) == uses_tls == ("tls-cert-file" in given)
    mounted = {each["mountPath"] for each in workload.container["volumeMounts"]}
    named = [value for name, (value, *_) in given.items() if name.endswith("file")]
    assert {str(Path(path).parent) for path in named} <= mounted
    assert workload.container["args"][0] in mounted
    option, amount = workload.container["args"][1:]
    assert option == "--maxmemory"
    limit = workload.container["resources"]["limits"]["memory"]
    assert int(amount.removesuffix("mb")) < _mebibytes(limit)


def _mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


def test_the_operator_config_excludes_what_must_start_without_us(files: Path) -> None:
    config = read_operator_config(files / "operator-config.yaml")
    excluded = config.spec.sidecar.excluded_namespaces
    assert excluded is None or set(excluded) >= {"kube-system"}
