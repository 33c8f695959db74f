"""Which rules are in force in a namespace, against which should be.

What should be there is not written down a second time: the transaction is put in force in an empty network
namespace that ends with the command, and nft lists the result in its own words. Two listings of the same nft
differ only where the rules do, in order and in chains, too. Counters are left out.
"""

from __future__ import annotations

from difflib import unified_diff

from . import programs
from .apply import ApplyError, run_program
from .netns import NetworkNamespace
from .redirect import TABLE, Redirect, install

_LIST = ["-s", "list", "table", *TABLE.split()]


def in_force(namespace: NetworkNamespace) -> str:
    """nft's listing of our table; empty where there is none. Raises ApplyError."""
    done = run_program(namespace.enter(), ["nft", *_LIST], where=str(namespace))
    if done.returncode == 0:
        return done.stdout
    if "No such file or directory" in done.stderr and "list table" in done.stderr:
        return ""
    raise ApplyError(f"{namespace}: expected nft to list the rules, got: {' '.join(done.stderr.split())}")


def expected(redirect: Redirect) -> str:
    """nft's listing of what `install` puts in force; needs unshare and CAP_SYS_ADMIN. Raises ApplyError."""
    script = f'"$@" -f - && "$@" {" ".join(_LIST)}'
    done = run_program(
        ["unshare", "--net", "--"],
        ["sh", "-c", script, "sh"],
        ["nft"],
        where="an empty network namespace",
        text=install(redirect),
    )
    if done.returncode != 0:
        raise ApplyError(
            "an empty network namespace: expected nft to accept the rules, got: "
            + " ".join(done.stderr.split())
        )
    return done.stdout


def differences(redirect: Redirect, namespace: NetworkNamespace) -> list[str]:
    """One line for each that is missing (`-`) or should not be there (`+`); none when all is in force.

    Raises ApplyError when that cannot be found out.
    """
    there = in_force(namespace)
    if not there:
        return [f"- table {TABLE}"]
    lines = unified_diff(expected(redirect).splitlines(), there.splitlines(), n=0, lineterm="")
    return [f"{line[0]} {line[1:].strip()}" for line in lines if not line.startswith(("---", "+++", "@@"))]


def missing_programs() -> list[str]:
    """What the redirect needs of this machine and is not there."""
    return [name for name in ("nft", "nsenter", "unshare") if not programs.find(name)]
