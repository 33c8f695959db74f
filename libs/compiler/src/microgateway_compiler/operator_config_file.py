"""The file with the OperatorConfig, read with the same care and the same messages as manifests."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from microgateway_common.operator_config import OperatorConfig
from microgateway_common.problems import Problem
from microgateway_common.resources.errors import field_errors
from microgateway_common.resources.schema import structural_schema

from .documents import Document, read_documents


class OperatorConfigError(ValueError):
    """One line a mistake: file and line, field, what was expected and what came."""


def read_operator_config(path: Path) -> OperatorConfig:
    """Raises OperatorConfigError, and OSError when it cannot be read."""
    match read_documents(str(path), path.read_bytes()):
        case [Document() as document]:
            return _operator_config(document)
        case [Problem() as problem]:
            raise OperatorConfigError(str(problem))
        case documents:
            raise OperatorConfigError(f"{path}: expected one OperatorConfig, got {len(documents)} documents")


def _operator_config(document: Document) -> OperatorConfig:
    try:
        return OperatorConfig.model_validate(document.raw)
    except ValidationError as error:
        errors = field_errors(error, structural_schema(OperatorConfig))
        raise OperatorConfigError("\n".join(f"{document.ref}: {each}" for each in errors)) from None
