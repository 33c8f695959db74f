"""The command `microgateway`."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from . import (
    __version__,
    blocks,
    check_command,
    compile_command,
    dev,
    diff,
    explain,
    explain_injection,
    history,
    inject,
    status,
    validate,
)
from .config_api import ConfigApiError
from .manifests import NoManifestsError


def main() -> None:
    """Console script. Exit codes: 0 fine, 1 what was asked about is not, 2 wrong usage or no answer."""
    _run("microgateway", is_plugin=False)


def plugin() -> None:
    """Console script `kubectl-microgateway`, which kubectl runs as `kubectl microgateway`: the same, but it
    finds the way to the config-api by itself."""
    _run("kubectl microgateway", is_plugin=True)


def _run(name: str, is_plugin: bool) -> None:
    parser = argparse.ArgumentParser(prog=name, description="Work with Microgateway.")
    parser.add_argument("--version", action="version", version=f"microgateway {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command, module, text in (
        ("dev", dev, "run the whole chain on manifests that are applied as they are saved"),
        ("validate", validate, "say what is wrong with manifests"),
        ("compile", compile_command, "show what manifests compile to"),
        ("explain", explain, "say what happens to a request under manifests, or why one was blocked"),
        ("blocks", blocks, "show what was blocked or logged lately, and as it comes"),
        ("status", status, "show every engine and whether it serves what is published"),
        ("check", check_command, "say whether the installation is healthy, and what to do where it is not"),
        ("history", history, "show which configurations a gateway had, and who changed what"),
        ("diff", diff, "show what two configurations have different, or what manifests would change"),
        ("inject", inject, "put the gateway into the pods of manifests"),
        ("explain-injection", explain_injection, "say why pods get the gateway or not"),
    ):
        module.add_arguments(commands.add_parser(command, help=text, description=f"{text.capitalize()}."))
    arguments = parser.parse_args()
    arguments.forward = is_plugin
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:
        # Whoever reads has seen enough, as `head`; nothing must be flushed again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except (NoManifestsError, ConfigApiError) as error:
        print(f"microgateway: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
