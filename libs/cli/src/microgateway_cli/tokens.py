"""Who asks the config-api: a bearer token from a file, the environment, or a kubeconfig.

Never from the command line, which every process of the machine can read.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path

#: Holds a token.
VARIABLE = "MICROGATEWAY_TOKEN"

#: How to come by a token that nobody but the config-api accepts.
MAKE_ONE = "kubectl create token SERVICE-ACCOUNT -n NAMESPACE --audience microgateway-config-api makes one"


class TokenError(Exception):
    """There is no token where one was said to be."""


@dataclass(frozen=True, slots=True)
class GivenToken:
    """For this server: it is sent wherever the server is. The token is kept out of every representation."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KubeconfigToken:
    """The API server's own, so only for who asks for one, and over TLS or on this machine.

    path: None for the files kubectl would take. context: None for the current one.
    """

    path: Path | None
    context: str | None

    def read(self) -> str | None:
        """None when the kubeconfig does not exist or has no token; its plugins (`exec`) are asked.

        Raises TokenError.
        """
        # Not above: the client takes half a second, and only few commands need it.
        from .kubeconfig import KubeconfigError, NoKubeconfigError, bearer_token

        try:
            return bearer_token(self.path, self.context)
        except NoKubeconfigError:
            return None
        except KubeconfigError as error:
            raise TokenError(str(error)) from error


Tokens = GivenToken | KubeconfigToken


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"holds the bearer token, else {VARIABLE}, else the kubeconfig",
    )
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="as kubectl has it")
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig (the current one)")


def tokens(arguments: argparse.Namespace) -> Tokens:
    """Raises TokenError."""
    if arguments.token_file is not None:
        try:
            text = arguments.token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TokenError(f"{arguments.token_file}: expected a token, got {error}") from error
        return GivenToken(_checked(text, str(arguments.token_file)))
    if text := os.environ.get(VARIABLE, "").strip():
        return GivenToken(_checked(text, VARIABLE))
    return KubeconfigToken(arguments.kubeconfig, arguments.context)


def _checked(text: str, source: str) -> str:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise TokenError(f"{source}: expected one token, got {'nothing' if not text else 'something else'}")
    return text
