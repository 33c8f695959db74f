"""What `kustomize build` makes of an installation, and questions about it.

    Variant ── kustomize build ──► Installation ── find, workloads, grants ──► what tests compare

A variant is an overlay with components, as somebody who installs it would combine them.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from chain import ROOT

#: An object as the API server takes it.
Raw = dict[str, Any]

DEPLOY = ROOT / "deploy" / "kustomize"
SYSTEM = "microgateway-system"
NODES = "microgateway-cni"


@dataclass(frozen=True)
class Variant:
    """resource: a folder, relative to the repository. components: names, in their order."""

    resource: str
    components: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "+".join((self.resource.removeprefix("deploy/kustomize/"), *self.components))


OVERLAYS = tuple(Variant(f"deploy/kustomize/overlays/{name}") for name in ("dev", "staging", "prod"))

#: Every folder and every component at least once, and the combinations in which one changes another.
VARIANTS = (
    Variant("deploy/kustomize/base"),
    *OVERLAYS,
    *(
        Variant("deploy/kustomize/overlays/staging", (name,))
        for name in ("monitoring", "alerts", "dashboards", "cert-manager", "external-redis", "namespaced")
    ),
    Variant("deploy/kustomize/overlays/prod", ("monitoring", "cert-manager", "external-redis")),
    Variant("examples/namespaced"),
    Variant("examples/namespaced", ("cert-manager",)),
)


class Permission(NamedTuple):
    """resource: with its subresource, `limits/status`. name: of the one object; empty for all.
    namespace: of the Role; empty for a ClusterRole."""

    namespace: str
    group: str
    resource: str
    name: str
    verb: str


class Account(NamedTuple):
    namespace: str
    name: str

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"


@dataclass(frozen=True)
class Workload:
    """A Deployment or DaemonSet."""

    raw: Raw

    @property
    def name(self) -> str:
        return str(self.raw["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.raw["metadata"]["namespace"])

    @property
    def pod(self) -> Raw:
        spec: Raw = self.raw["spec"]["template"]["spec"]
        return spec

    @property
    def labels(self) -> Mapping[str, str]:
        labels: Mapping[str, str] = self.raw["spec"]["template"]["metadata"]["labels"]
        return labels

    @property
    def container(self) -> Raw:
        """Each of ours has one."""
        (only,) = self.pod["containers"]
        found: Raw = only
        return found

    @property
    def ports(self) -> Mapping[str, int]:
        return {each["name"]: each["containerPort"] for each in self.container.get("ports", ())}


@dataclass(frozen=True)
class Installation:
    objects: tuple[Raw, ...]

    def all(self, kind: str) -> Iterator[Raw]:
        return (each for each in self.objects if each["kind"] == kind)

    def has(self, kind: str, namespace: str, name: str) -> bool:
        return any(key(each) == (kind, namespace, name) for each in self.objects)

    def workloads(self) -> Iterator[Workload]:
        return (Workload(each) for each in self.objects if each["kind"] in ("Deployment", "DaemonSet"))

    def workload(self, name: str) -> Workload:
        (found,) = (each for each in self.workloads() if each.name == name)
        return found

    def selected(self, namespace: str, selector: Raw) -> list[Workload]:
        return [
            each
            for each in self.workloads()
            if each.namespace == namespace and matches(selector, each.labels)
        ]

    def environment(self, workload: Workload) -> dict[str, str]:
        """Its variables with known values: fields of the pod are `field`."""
        found: dict[str, str] = {}
        for source in workload.container.get("envFrom", ()):
            name = source["configMapRef"]["name"]
            (data,) = (each["data"] for each in self.all("ConfigMap") if each["metadata"]["name"] == name)
            found |= data
        for variable in workload.container.get("env", ()):
            found[variable["name"]] = variable.get("value", "field")
        return found

    def granted(self, account: Account) -> set[Permission]:
        """What the account may do, over all of its bindings."""
        return set(self._granted(account))

    def _granted(self, account: Account) -> Iterator[Permission]:
        for binding in self.objects:
            if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
                continue
            subjects = [(each["namespace"], each["name"]) for each in binding["subjects"]]
            if account not in subjects:
                continue
            namespace = binding["metadata"].get("namespace", "")
            reference = binding["roleRef"]
            own = namespace if reference["kind"] == "Role" else ""
            (role,) = (
                each for each in self.objects if key(each) == (reference["kind"], own, reference["name"])
            )
            for rule in role["rules"]:
                for group in rule["apiGroups"]:
                    for resource in rule["resources"]:
                        for verb in rule["verbs"]:
                            for name in rule.get("resourceNames", [""]):
                                yield Permission(namespace, group, resource, name, verb)


def key(raw: Raw) -> tuple[str, str, str]:
    """Kind, namespace (empty when it has none) and name."""
    return raw["kind"], raw["metadata"].get("namespace", ""), raw["metadata"]["name"]


def matches(selector: Raw, labels: Mapping[str, str]) -> bool:
    """A Kubernetes label selector."""
    if any(labels.get(name) != value for name, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In", "no other is used"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


@cache
def program() -> Path | str:
    """kustomize, or why there is none."""
    done = subprocess.run(
        [str(ROOT / "scripts" / "kustomize.sh")], capture_output=True, text=True, check=False
    )
    return Path(done.stdout.strip()) if done.returncode == 0 else done.stderr.strip()


def is_complaint(line: str) -> bool:
    """kustomize says on stderr what it will no longer take some day."""
    return bool(re.search(r"warning|deprecated", line, re.IGNORECASE))


def build_folder(folder: Path) -> tuple[Raw, ...]:
    """Fails with what kustomize says, also when it only complains; skips the test where there is none."""
    if isinstance(reason := program(), str):
        pytest.skip(f"no kustomize: {reason}")
    done = subprocess.run([str(program()), "build", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(filter(is_complaint, done.stderr.splitlines())), done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


@cache
def build(variant: Variant) -> Installation:
    if not variant.components:
        return Installation(build_folder(ROOT / variant.resource))
    with tempfile.TemporaryDirectory() as folder:
        # kustomize takes relative paths only.
        resource = os.path.relpath(ROOT / variant.resource, folder)
        components = [os.path.relpath(DEPLOY / "components" / name, folder) for name in variant.components]
        text = yaml.safe_dump({"resources": [resource], "components": components})
        (Path(folder) / "kustomization.yaml").write_text(text)
        return Installation(build_folder(Path(folder)))
