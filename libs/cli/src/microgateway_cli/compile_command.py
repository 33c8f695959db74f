"""`microgateway compile`: what manifests compile to."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec
import yaml

from microgateway_common.problems import errors
from microgateway_compiler.compile.gateway import Compiled

from .manifests import all_problems, read_manifests


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "manifests", nargs="+", type=Path, metavar="PATH", help="files and folders of manifests"
    )
    parser.add_argument("--gateway", metavar="NAMESPACE/NAME", help="only this one")
    parser.add_argument("--output", choices=("yaml", "json"), default="yaml")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """The IR of every gateway on standard output, problems on standard error; 1 when one is an error.

    Raises NoManifestsError.
    """
    pipeline = read_manifests(arguments.manifests)
    wanted = {
        gateway: outcome
        for gateway, outcome in sorted(pipeline.outcomes.items())
        if arguments.gateway in (None, gateway)
    }
    if arguments.gateway is not None and not wanted:
        print(
            f"no gateway {arguments.gateway}; there are: {', '.join(pipeline.outcomes) or 'none'}",
            file=sys.stderr,
        )
        return 1
    compiled = {
        gateway: msgspec.to_builtins(outcome.configuration.config.without_secrets())
        for gateway, outcome in wanted.items()
        if isinstance(outcome.configuration, Compiled)
    }
    if arguments.output == "json":
        print(msgspec.json.format(msgspec.json.encode(compiled)).decode())
    elif compiled:
        print(yaml.safe_dump(compiled, sort_keys=False, allow_unicode=True), end="")
    problems = list(all_problems(pipeline))
    for problem in problems:
        print(f"{problem.severity}: {problem}", file=sys.stderr)
    return 1 if errors(problems) else 0
