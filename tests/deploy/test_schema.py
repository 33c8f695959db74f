"""Every object of Kubernetes itself is what the schemas of its versions say, without unknown fields."""

from __future__ import annotations

import json

import kubernetes_validate  # type: ignore[import-untyped] # it ships no types
import kustomize
import pytest
from chain import ROOT
from kustomize import VARIANTS, Raw

#: From the oldest we support to one of the newest that there is a schema for.
SERVERS = ("1.26", "1.29", "1.34")

#: Whose kinds belong to others, who check them when they are applied; ours are applied in tests/kubernetes.
WITHOUT_SCHEMA = frozenset({"cert-manager.io", "monitoring.coreos.com", "microgateway.airlock.com"})


def different_objects() -> list[Raw]:
    everything = [*kustomize.build_folder(ROOT / "examples" / "kubernetes")]
    for variant in VARIANTS:
        everything += kustomize.build(variant).objects
    different = {json.dumps(raw, sort_keys=True): raw for raw in everything}
    return [raw for raw in different.values() if raw["apiVersion"].partition("/")[0] not in WITHOUT_SCHEMA]


@pytest.mark.parametrize("server", SERVERS)
def test_every_object_fits_its_schema(server: str) -> None:
    wrong = []
    for raw in different_objects():
        try:
            kubernetes_validate.validate(raw, server, strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{kustomize.key(raw)}: {'.'.join(map(str, error.path))}: {error.message}")
    assert wrong == []


def test_an_unknown_field_would_be_found() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"selectors": {}}}
    with pytest.raises(kubernetes_validate.ValidationError, match="selectors"):
        kubernetes_validate.validate(service, SERVERS[-1], strict=True)
