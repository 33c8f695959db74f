"""Images: each is built here, and each overlay names all of them in its way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import kustomize
import pytest
import yaml
from chain import ROOT
from kustomize import OVERLAYS, Installation, Raw, Variant

#: The images that the webhook injects are in variables.
INJECTED = {"MICROGATEWAY_ENGINE_IMAGE": "engine", "MICROGATEWAY_NETCHECK_IMAGE": "netcheck"}

OURS = {"cni", "config-api", "engine", "netcheck", "reconciler", "webhook"}


def images(installation: Installation) -> Iterator[str]:
    for workload in installation.workloads():
        yield workload.container["image"]
        variables = {each["name"]: each.get("value", "") for each in workload.container.get("env", ())}
        yield from (variables[name] for name in INJECTED if name in variables)


def repository(image: str) -> str:
    return re.split("[:@]", image, maxsplit=1)[0]


def overlay(name: str) -> Installation:
    return kustomize.build(Variant(f"deploy/kustomize/overlays/{name}"))


def test_every_image_is_a_target_of_the_dockerfile(installation: Installation) -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    named = {repository(image) for image in images(installation)} - {"redis"}
    assert {name.removeprefix("microgateway/") for name in named} == OURS
    assert targets >= OURS


def test_development_takes_what_was_built_here() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for image in images(overlay("dev")):
        assert image == compose["redis"]["image"] or image.endswith(":dev")


def test_staging_takes_a_version() -> None:
    ours = [image for image in images(overlay("staging")) if image.startswith("microgateway/")]
    assert {image.partition(":")[2] for image in ours} == {"0.1.0"}


def test_production_takes_digests_of_everything() -> None:
    for image in images(overlay("prod")):
        assert re.fullmatch(r"[a-z/-]+@sha256:[0-9a-f]{64}", image)


@pytest.mark.parametrize("variant", OVERLAYS[1:], ids=str)
def test_all_images_can_be_moved_to_another_registry(variant: Variant) -> None:
    """As `kustomize edit set image` does, in the overlay itself."""
    folder = ROOT / variant.resource
    given: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    named = {each["name"] for each in given["images"]}
    assert named - {"redis"} == {f"microgateway/{name}" for name in OURS}
    assert given["configurations"] == ["image-fields.yaml"]


def test_the_example_runs_the_demo_application() -> None:
    deployments = [
        raw for raw in kustomize.build_folder(ROOT / "examples" / "kubernetes") if raw["kind"] == "Deployment"
    ]
    assert [image_of(raw) for raw in deployments] == ["microgateway/demo-application:dev"]


def image_of(raw: Raw) -> str:
    (container,) = raw["spec"]["template"]["spec"]["containers"]
    return str(container["image"])
