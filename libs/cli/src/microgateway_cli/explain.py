"""`microgateway explain`: what happens to a request under these manifests, and why; or why a request was
blocked, by its id."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import msgspec
import yaml

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import GatewayKey
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.pipeline import Pipeline
from microgateway_inspection.explain.explain import Received, UnknownPortError, explain
from microgateway_inspection.explain.result import Explanation
from microgateway_inspection.rule_set import RuleSet

from . import config_api, explain_block
from .explain_text import explanation_text
from .manifests import read_manifests
from .requests import log_line
from .requests.curl import is_curl, read_curl
from .requests.errors import RequestInputError
from .requests.http_message import read_http_message

#: RFC 5737: no client has it.
CLIENT = "192.0.2.1"

#: What `--request -` reads.
STDIN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subjects",
        nargs="+",
        metavar="MANIFESTS|REQUEST-ID",
        help="files and folders of manifests, to judge a request by; or the id that a blocked client was "
        "shown, to ask the config-api about",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--request",
        metavar="FILE|COMMAND",
        help="a file with a request as sent, an access log line or a command of curl, - for standard input; "
        "or the command itself",
    )
    source.add_argument("--curl", metavar="COMMAND", help="a command of curl: 'curl -d a=b https://…'")
    parser.add_argument("--gateway", metavar="NAMESPACE/NAME", help="whose configuration (the only one)")
    parser.add_argument("--port", type=int, metavar="PORT", help="of the application (the gateway's first)")
    parser.add_argument(
        "--client", default=CLIENT, metavar="IP", help="address of the client (default: %(default)s)"
    )
    parser.add_argument("-o", "--output", choices=("text", "json", "yaml"), default="text")
    parser.add_argument(
        "--cache-dir", type=Path, default=_cache_dir(), metavar="DIR",
        help="where compiled rules are kept (default: %(default)s)",
    )  # fmt: skip
    config_api.add_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 when the request passes, 1 when it does not, 2 for what cannot be read. Raises NoManifestsError,
    ConfigApiError."""
    if arguments.request is None and arguments.curl is None:
        first, *more = arguments.subjects
        if not more and not Path(first).exists():
            return explain_block.run(arguments, first)
        print("microgateway explain: expected --request or --curl besides manifests", file=sys.stderr)
        return 2
    pipeline = read_manifests([Path(each) for each in arguments.subjects])
    try:
        config = _configuration(pipeline, arguments.gateway)
        received, note = _received(arguments)
        explanation = explain(config, RuleSet.load(arguments.cache_dir), received, arguments.port)
    except (RequestInputError, UnknownPortError) as error:
        print(f"microgateway explain: {error}", file=sys.stderr)
        return 2
    if note:
        print(f"note: {note}", file=sys.stderr)
    print(_shown(explanation, arguments.output), end="")
    return 0 if explanation.verdict == "passed" else 1


def _configuration(pipeline: Pipeline, wanted: str | None) -> GatewayConfig:
    """Raises RequestInputError."""
    known = sorted(pipeline.outcomes)
    if wanted is None and len(known) != 1:
        raise RequestInputError(f"expected --gateway, one of {', '.join(known) or 'none'}")
    gateway = known[0] if wanted is None else GatewayKey(wanted)
    outcome = pipeline.outcomes.get(gateway)
    if outcome is None:
        raise RequestInputError(f"expected a gateway of the manifests ({', '.join(known)}), got {gateway}")
    if not isinstance(outcome.configuration, Compiled):
        problems = "; ".join(str(each) for each in outcome.problems)
        raise RequestInputError(f"gateway {gateway} has no valid configuration: {problems}")
    return outcome.configuration.config


def _received(arguments: argparse.Namespace) -> tuple[Received, str]:
    """The request, and what must be known about it. Raises RequestInputError."""
    if arguments.curl is not None:
        return read_curl(arguments.curl, arguments.client), ""
    if is_curl(arguments.request):
        return read_curl(arguments.request, arguments.client), ""
    try:
        data = sys.stdin.buffer.read() if arguments.request == STDIN else Path(arguments.request).read_bytes()
    except OSError as error:
        raise RequestInputError(f"{arguments.request}: {error.strerror}") from error
    if log_line.is_log_line(data):
        return log_line.read_log_line(data, arguments.client), log_line.NOTE
    text = data.decode("utf-8", "replace")
    if is_curl(text):
        return read_curl(text, arguments.client), ""
    return read_http_message(data, arguments.client), ""


def _shown(explanation: Explanation, output: str) -> str:
    if output == "json":
        return msgspec.json.format(msgspec.json.encode(explanation)).decode() + "\n"
    if output == "yaml":
        return yaml.safe_dump(msgspec.to_builtins(explanation), sort_keys=False, allow_unicode=True)
    return explanation_text(explanation)


def _cache_dir() -> Path:
    """XDG Base Directory Specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "microgateway"
