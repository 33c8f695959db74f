"""What every endpoint works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from .cluster import Facts
from .injection.template import Template
from .metrics import Metrics


@dataclass(frozen=True, slots=True)
class Context:
    template: Template
    facts: Facts
    metrics: Metrics


def _context(request: Request) -> Context:
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


InContext = Annotated[Context, Depends(_context)]
