"""The deny rules, to explain with."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from microgateway_inspection.rule_set import RuleSet


class Rules:
    """Compiled or read from the cache when they are first needed: the former takes seconds."""

    def __init__(self, cache_dir: Path | None) -> None:
        self._cache_dir = cache_dir
        self._lock = threading.Lock()
        self._rules: RuleSet | None = None

    def get(self) -> RuleSet:
        with self._lock:
            if self._rules is None:
                self._rules = RuleSet.load(self._cache_dir)
            return self._rules


def rules_of(request: Request) -> Rules:
    """The application's Rules, as a FastAPI dependency."""
    rules: Rules = request.app.state.rules
    return rules


DenyRules = Annotated[Rules, Depends(rules_of)]
