"""What is installed, as kustomize builds it; nothing runs."""

from __future__ import annotations

import kustomize
import pytest
from kustomize import VARIANTS, Installation, Variant


@pytest.fixture(params=VARIANTS, ids=str)
def variant(request: pytest.FixtureRequest) -> Variant:
    found: Variant = request.param
    return found


@pytest.fixture
def installation(variant: Variant) -> Installation:
    return kustomize.build(variant)
