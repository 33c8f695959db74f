"""What each gateway would become, beside what its engines are given."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from microgateway_common.difference import Difference, Tree, comparable, differences
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.problems import Problem
from microgateway_common.redact import redact
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.outcome import GatewayOutcome
from microgateway_config_api.withheld import has_withheld


class NothingPublished(msgspec.Struct, frozen=True):
    """There is no configuration yet."""


Live = GatewayConfig | NothingPublished


class Unchanged(NamedTuple):
    """Engines would do what they do. withheld: but for values that are not shown, which may differ."""

    problems: tuple[Problem, ...]
    withheld: bool


class Differs(NamedTuple):
    """Engines would be given another configuration."""

    problems: tuple[Problem, ...]
    differences: tuple[Difference, ...]
    withheld: bool


class New(NamedTuple):
    """Engines would be given their first configuration."""

    problems: tuple[Problem, ...]


class Refused(NamedTuple):
    """There are errors: engines would keep what they have."""

    problems: tuple[Problem, ...]


class Gone(NamedTuple):
    """There would be no such gateway, and its pods would have none."""


Verdict = Unchanged | Differs | New | Refused | Gone


def verdict(outcome: GatewayOutcome | None, problems: tuple[Problem, ...], live: Live) -> Verdict:
    """outcome: None for a gateway that would be gone."""
    if outcome is None:
        return Gone()
    if not isinstance(outcome.configuration, Compiled):
        return Refused(problems)
    if isinstance(live, NothingPublished):
        return New(problems)
    old, new = _shown(live), _shown(outcome.configuration.config)
    found = differences(old, new)
    withheld = has_withheld(old) or has_withheld(new)
    return Differs(problems, found, withheld) if found else Unchanged(problems, withheld)


def _shown(config: GatewayConfig) -> Tree:
    """What is hidden is not compared either: whoever may ask for a trial must not be able to test guesses."""
    return comparable(redact(config))
