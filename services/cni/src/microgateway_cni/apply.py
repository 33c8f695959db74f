"""Puts a transaction in force: nft reads it from its standard input, in the namespace it is for."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from . import programs
from .netns import NetworkNamespace

#: nft needs some 20 ms. It waits while other transactions commit, but not for anything that takes seconds.
_SECONDS = 10.0


class ApplyError(Exception):
    """The transaction is not in force, none of it; the message says where and why."""


def apply(transaction: str, namespace: NetworkNamespace) -> None:
    """Commit an nftables transaction (see `redirect`), all of it or nothing.

    Needs nft, CAP_NET_ADMIN in the namespace and, for another one than our own, nsenter and CAP_SYS_ADMIN.
    Raises ApplyError.
    """
    done = run_program(namespace.enter(), ["nft", "-f", "-"], where=str(namespace), text=transaction)
    if done.returncode != 0:
        reason = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        hint = " (needs the capability NET_ADMIN)" if "Operation not permitted" in reason else ""
        raise ApplyError(f"{namespace}: expected nft to accept the rules, got: {reason}{hint}")


def run_program(*commands: Sequence[str], where: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever its exit code; `text` is its standard input.

    commands: each one starts the next, as nsenter and sh do; empty ones are left out.
    where: begins the message of the ApplyError that a missing program or one that does not end raises.
    """
    words: list[str] = []
    for command in filter(None, commands):
        program = programs.find(command[0])
        if not program:
            raise ApplyError(
                f"{where}: expected the program {command[0]} in {programs.DIRECTORIES}, got none"
            )
        words += [*program, *command[1:]]
    try:
        return subprocess.run(  # noqa: S603 -- a list without a shell; the namespace's path is one argument
            words,
            input=text,
            text=True,
            capture_output=True,
            timeout=_SECONDS,
            env=programs.environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ApplyError(f"{where}: expected nft to end within {_SECONDS:g} s, got no answer") from error
