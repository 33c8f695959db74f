"""The REST API keeps what its own description promises, whatever it is asked."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from .conftest import Site

pytestmark = pytest.mark.slow

#: Questions for each operation.
QUESTIONS = 40

#: Its answer does not end.
ENDLESS = "/api/v1/live"


def test_no_question_is_answered_otherwise_than_described(site: Site) -> None:
    schema = schemathesis.openapi.from_url(f"{site.url}openapi.json").exclude(path=ENDLESS)
    operations = list(schema.get_all_operations())
    assert len(operations) >= 7
    for found in operations:
        assert isinstance(found, Ok), found
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=QUESTIONS,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def asked(case: Any) -> None:
            # That a body is base64 is more than a schema can say, so questions that fit one may be invalid.
            case.call_and_validate(timeout=30, excluded_checks=[positive_data_acceptance])

        asked()
