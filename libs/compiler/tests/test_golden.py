"""One folder a case: in.yaml is what users write, ir.yaml what engines get, status.yaml what users read.

ir.yaml names what equals the defaults instead of showing it, and built-in header groups, and leaves TLS
out where there is none; the case `defaults` shows all of it. Secrets appear by name and length.
In status.yaml every pod has acknowledged what was published.

`UPDATE_GOLDEN=1 pytest` rewrites the files; read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from microgateway_common import wire
from microgateway_common.bus.messages import Acknowledgement, Applied, Assigned, NothingRejected
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import Digest, Generation, PodKey
from microgateway_common.problems import Problem
from microgateway_common.status import GatewayStatus, NeverPublished, Published
from microgateway_compiler.compile import parts
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.outcome import GatewayOutcome
from microgateway_compiler.pipeline import Changes, Pipeline
from microgateway_compiler.status import gateway_status

UPDATE = "UPDATE_GOLDEN" in os.environ
CASES = sorted((Path(__file__).parent / "golden").iterdir())
GENERATION = Generation(7)

#: Shown in full by the case `defaults`, by name elsewhere.
DEFAULTS = {
    "parser": msgspec.to_builtins(parts.DEFAULT_PARSER.value),
    "limits": msgspec.to_builtins(parts.DEFAULT_LIMITS.value),
    "deny_rules": msgspec.to_builtins(parts.DEFAULT_DENY_RULES.value),
    "header_rewrites": msgspec.to_builtins(parts.DEFAULT_HEADER_REWRITES.value),
    "telemetry": msgspec.to_builtins(parts.DEFAULT_TELEMETRY.value),
    "conditions": {
        "header": {"type": "any"},
        "media_type": {"type": "any"},
        "methods": [],
        "path": {"type": "any"},
        "remote_ip": {"type": "any"},
        "invert": False,
    },
}

#: Left out but by the case `defaults`.
ABSENT = {"tls": {"type": "cleartext"}, "xfcc": "Sanitize", "secrets": {}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path) -> None:
    changes = run(case)

    check(case / "ir.yaml", [ir(outcome, case.name == "defaults") for outcome in in_order(changes)])
    check(case / "status.yaml", status(changes))


def run(case: Path) -> Changes:
    pipeline = Pipeline()
    pipeline.replace_file("in.yaml", (case / "in.yaml").read_bytes())
    return pipeline.changes()


def in_order(changes: Changes) -> list[GatewayOutcome]:
    return [changes.outcomes[gateway] for gateway in sorted(changes.outcomes)]


def check(path: Path, found: Any) -> None:
    text = yaml.dump(found, Dumper=yaml.CSafeDumper, sort_keys=False, width=110, allow_unicode=True)
    if UPDATE:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "run with UPDATE_GOLDEN=1 and read the difference"


def ir(outcome: GatewayOutcome, in_full: bool) -> Any:
    match outcome.configuration:
        case Compiled(config):
            assert_survives_the_wire(config)
            tree = msgspec.to_builtins(config.without_secrets())
            tree["secrets"] = {name: f"{len(secret)} bytes" for name, secret in config.secrets.items()}
            return tree if in_full else shortened(tree)
        case _:
            return {"gateway": outcome.gateway, "failed": True}


def assert_survives_the_wire(config: GatewayConfig) -> None:
    data = wire.pack(config.gateway, Generation(1), wire.encode(config), wire.LeaveUnsigned())
    _, opened = wire.open_bundle(data, config.gateway, wire.AcceptUnsigned())
    assert opened == config


def shortened(tree: Any) -> Any:
    match tree:
        case {"name": str(name), **rest} if name.startswith("builtIn.") and "headers" in rest:
            return name
        case dict():
            return {
                key: "(defaults)" if value == DEFAULTS.get(key, ...) else shortened(value)
                for key, value in tree.items()
                if value != ABSENT.get(key, ...)
            }
        case list() | tuple():
            return [shortened(item) for item in tree]
        case _:
            return tree


def status(changes: Changes) -> Any:
    return {
        "gateways": [
            {**msgspec.to_builtins(reported(outcome)), "problems": [shown(each) for each in outcome.problems]}
            for outcome in in_order(changes)
        ],
        "assignments": msgspec.to_builtins(dict(sorted(changes.assignments.items()))),
        "problems": [shown(problem) for problem in changes.problems],
    }


def reported(outcome: GatewayOutcome) -> GatewayStatus:
    match outcome.configuration:
        case Compiled(config):
            digest = wire.digest_of(wire.encode(config))
            acknowledgements = {pod: acknowledgement(outcome, pod, digest) for pod in outcome.pods}
            status = gateway_status(outcome, Published(GENERATION, digest), acknowledgements)
            # Digests would make every change of the IR a change of every case.
            return msgspec.structs.replace(status, published=Published(GENERATION, wire.digest_of(b"")))
        case _:
            return gateway_status(outcome, NeverPublished(), {})


def acknowledgement(outcome: GatewayOutcome, pod: PodKey, digest: Digest) -> Acknowledgement:
    return Acknowledgement(
        pod=pod,
        instance="1",
        engine_version="test",
        assignment=Assigned(outcome.gateway),
        serving=Applied(GENERATION, digest),
        rejected=NothingRejected(),
        sent_at=0.0,
    )


def shown(problem: Problem) -> str:
    return f"{problem.severity} {problem.reason} {problem}"
