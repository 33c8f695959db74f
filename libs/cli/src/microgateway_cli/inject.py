"""`microgateway inject`: manifests with the gateway in their pods, as the webhook would have made them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from microgateway_common.problems import Problem
from microgateway_compiler.documents import Document, read_documents
from microgateway_compiler.operator_config_file import OperatorConfigError, read_operator_config
from microgateway_reconciler.sources.directory import manifest_files
from microgateway_webhook.injection import operator_config
from microgateway_webhook.injection.inject import Injected, Namespace, Outcome, Refused, Skipped
from microgateway_webhook.injection.template import Template, default_template
from microgateway_webhook.injection.versions import ServerVersion, parse_version
from microgateway_webhook.injection.workloads import inject_object

from .manifests import NoManifestsError

#: What `-f -` reads.
STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class Admitted:
    """name: `Deployment shop/web`. raw: the object as it was written."""

    name: str
    raw: dict[str, Any]
    outcome: Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_admission_arguments(parser)
    parser.set_defaults(run=run)


def add_admission_arguments(parser: argparse.ArgumentParser) -> None:
    """What decides about injection besides the manifests."""
    parser.add_argument(
        "-f", "--filename", action="append", required=True, type=Path, dest="files", metavar="PATH",
        help="a file, a folder, or - for standard input; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "-n", "--namespace", default="default", help="of objects that name none (default: %(default)s)"
    )
    parser.add_argument(
        "--server-version", type=_version, default="1.29", metavar="VERSION",
        help="of the API server; before 1.29 the engine is an ordinary container (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--operator-config", type=Path, metavar="FILE", help="the installation's OperatorConfig"
    )
    parser.add_argument(
        "--image-tag", default="dev", metavar="TAG", help="of the images, without such (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """0, or 1 when a pod was refused or a document is unreadable. Raises NoManifestsError."""
    failed = False
    documents = []
    for item in admitted(arguments):
        if isinstance(item, Problem):
            failed = True
            print(f"error: {item}", file=sys.stderr)
            continue
        match item.outcome:
            case Injected(pod=pod, warnings=warnings):
                documents.append(pod)
            case Skipped(warnings=warnings):
                documents.append(item.raw)
            case Refused(message=message):
                failed, warnings = True, ()
                print(f"error: {item.name}: {message}", file=sys.stderr)
        for warning in warnings:
            print(f"warning: {item.name}: {warning}", file=sys.stderr)
    sys.stdout.write(dump(documents))
    return 1 if failed else 0


def admitted(arguments: argparse.Namespace) -> Iterator[Admitted | Problem]:
    """Every document of the files, with what the webhook would decide. Raises NoManifestsError."""
    template = _template(arguments.operator_config, arguments.image_tag)
    for path, content in _read(arguments.files):
        for document in read_documents(path, content):
            match document:
                case Problem() as problem:
                    yield problem
                case Document(raw=raw):
                    yield _admitted(raw, arguments.namespace, template, arguments.server_version)


def dump(documents: Iterable[Mapping[str, Any]]) -> str:
    """YAML, a document each, in the order of the keys and without aliases."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, explicit_start=True, width=1000)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the same value twice is written twice
        return True


def _admitted(raw: dict[str, Any], default: str, template: Template, server: ServerVersion) -> Admitted:
    metadata = raw.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    namespace = str(metadata.get("namespace") or default)
    name = f"{raw.get('kind', 'object')} {namespace}/{metadata.get('name') or metadata.get('generateName')}"
    return Admitted(name, raw, inject_object(raw, template, server, Namespace(namespace)))


def _template(path: Path | None, image_tag: str) -> Template:
    template = default_template(version("microgateway-webhook"), image_tag)
    if path is None:
        return template
    try:
        return operator_config.apply(read_operator_config(path), template)
    except (OperatorConfigError, OSError) as error:
        raise NoManifestsError(f"--operator-config: {error}") from error


def _read(paths: list[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if path == STDIN:
            yield "standard input", sys.stdin.buffer.read()
            continue
        if not path.exists():
            raise NoManifestsError(f"{path}: expected a file or folder of manifests, got nothing there")
        for file in manifest_files([path]) if path.is_dir() else [path]:
            try:
                yield str(file), file.read_bytes()
            except OSError as error:
                raise NoManifestsError(f"{file}: {error.strerror}") from error


def _version(text: str) -> ServerVersion:
    try:
        return parse_version(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
