"""References name an object of the same namespace."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from microgateway_common.resources.reference import Reference, SecretSource


def test_a_reference_is_a_name() -> None:
    assert Reference.model_validate({"name": "a"}).name == "a"
    assert SecretSource.model_validate({"secretRef": {"name": "a"}}).secret_ref.name == "a"


@pytest.mark.parametrize("document", [{}, {"name": ""}, {"name": "a" * 254}, {"name": "a", "namespace": "b"}])
def test_anything_else_is_refused(document: object) -> None:
    with pytest.raises(ValidationError):
        Reference.model_validate(document)
