"""Manifests on disk, through the pipeline once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from microgateway_common.problems import Problem
from microgateway_compiler.pipeline import Pipeline
from microgateway_reconciler.sources.directory import manifest_files


class NoManifestsError(Exception):
    """There is nothing to read; the message says where."""


def read_manifests(paths: Iterable[Path]) -> Pipeline:
    """A pipeline that has taken in everything below the paths. Raises NoManifestsError."""
    pipeline = Pipeline()
    for path in paths:
        if not path.exists():
            raise NoManifestsError(f"{path}: expected a file or folder of manifests, got nothing there")
        files = list(manifest_files([path]))
        if not files:
            raise NoManifestsError(f"{path}: expected *.yaml, *.yml or *.json files, got none")
        for file in files:
            try:
                pipeline.replace_file(str(file), file.read_bytes())
            except OSError as error:
                raise NoManifestsError(f"{file}: {error.strerror}") from error
    pipeline.changes()
    return pipeline


def all_problems(pipeline: Pipeline) -> Iterator[Problem]:
    """Of documents, objects and gateways, each once."""
    seen: set[Problem] = set()
    for problem in pipeline.problems:
        if problem not in seen:
            seen.add(problem)
            yield problem
    for outcome in pipeline.outcomes.values():
        for problem in outcome.problems:
            if problem not in seen:
                seen.add(problem)
                yield problem
