"""Everything builds, and nothing is left out of the variants that the other tests look at."""

from __future__ import annotations

from collections import Counter

import kustomize
import pytest
import yaml
from chain import ROOT
from kustomize import DEPLOY, VARIANTS, Installation


def test_no_object_is_there_twice(installation: Installation) -> None:
    twice = [name for name, count in Counter(map(kustomize.key, installation.objects)).items() if count > 1]
    assert twice == []


def test_everything_says_that_it_is_ours(installation: Installation) -> None:
    for raw in installation.objects:
        name = raw["metadata"]["name"]
        assert name.startswith("microgateway") or raw["kind"] == "NetworkPolicy", kustomize.key(raw)


def test_every_overlay_and_component_is_in_a_variant() -> None:
    folders = {path.parent for path in DEPLOY.glob("*/*/kustomization.yaml")}
    looked_at = {ROOT / variant.resource for variant in VARIANTS}
    looked_at |= {DEPLOY / "components" / name for variant in VARIANTS for name in variant.components}
    assert folders <= looked_at


@pytest.mark.parametrize("folder", ["deploy/kustomize/crds", "examples/kubernetes"])
def test_the_rest_builds_too(folder: str) -> None:
    assert kustomize.build_folder(ROOT / folder)


def test_each_overlay_names_the_same_fields_for_images() -> None:
    texts = {path.read_text() for path in DEPLOY.glob("overlays/*/image-fields.yaml")}
    (only,) = texts
    assert yaml.safe_load(only)["images"]
