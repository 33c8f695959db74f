"""`microgateway validate`: what is wrong with manifests, in the words of the reconciler."""

from __future__ import annotations

import argparse
from pathlib import Path

from microgateway_common.problems import Severity, errors

from .manifests import all_problems, read_manifests


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifests", nargs="+", type=Path, metavar="PATH", help="files and folders")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 when nothing keeps a gateway from being configured, 1 otherwise. Raises NoManifestsError."""
    pipeline = read_manifests(arguments.manifests)
    problems = sorted(all_problems(pipeline), key=lambda each: (each.severity is Severity.WARNING, str(each)))
    for problem in problems:
        print(f"{problem.severity}: {problem}")
    faults = len(errors(problems))
    counts = (len(pipeline.outcomes), "gateway"), (faults, "error"), (len(problems) - faults, "warning")
    print(", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counts))
    return 1 if faults else 0
