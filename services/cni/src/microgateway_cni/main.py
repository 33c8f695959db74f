"""The command `microgateway-redirect`: the redirect in a network namespace, without Kubernetes.

For docker compose and local use, in a container that shares the network namespace of engine and
application and has the capability NET_ADMIN. Applying again replaces the rules; deleting what is not
there succeeds.

exit codes  0  done
            1  the rules are not in force (or not deleted); stderr says why
            2  wrong arguments
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from .apply import ApplyError, apply
from .netns import NamespaceAt, NetworkNamespace, OwnNamespace
from .ports import parse_port, parse_ports
from .redirect import INBOUND_PORT, Redirect, install, remove

_Value = TypeVar("_Value")


def main(arguments: Sequence[str] | None = None) -> int:
    """arguments: without the program's name; None takes the process's own. Returns the exit code."""
    options = _parser().parse_args(arguments)
    namespace: NetworkNamespace = NamespaceAt(options.netns) if options.netns else OwnNamespace()
    redirect = Redirect(
        inbound_port=options.inbound_port,
        excluded_ports=options.exclude_inbound_ports,
        engine_uid=options.engine_uid,
    )
    transaction = remove() if options.delete else install(redirect)
    if options.show:
        sys.stdout.write(transaction)
        return 0
    try:
        apply(transaction, namespace)
    except ApplyError as error:
        print(f"microgateway-redirect: {error}", file=sys.stderr)
        return 1
    print(_done(redirect, namespace, deleted=options.delete))
    return 0


def _done(redirect: Redirect, namespace: NetworkNamespace, *, deleted: bool) -> str:
    if deleted:
        return f"{namespace}: inbound TCP is no longer redirected"
    excluded = ", ".join(map(str, sorted(redirect.excluded_ports))) or "none"
    return (
        f"{namespace}: inbound TCP is redirected to port {redirect.inbound_port}, excluded ports: {excluded}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="microgateway-redirect",
        description="Redirect all inbound TCP of a network namespace to the engine, over IPv4 and IPv6.",
    )
    parser.add_argument(
        "--inbound-port",
        type=_argument(parse_port),
        default=INBOUND_PORT,
        metavar="PORT",
        help="where the engine listens (default: %(default)s)",
    )
    parser.add_argument(
        "--exclude-inbound-ports",
        type=_argument(parse_ports),
        default=frozenset(),
        metavar="PORTS",
        help="ports that stay as they are, unprotected: 8081,9090 (default: none)",
    )
    parser.add_argument(
        "--engine-uid",
        type=_argument(_user_id),
        metavar="UID",
        help="the engine's user, whose own connections are never redirected;"
        " leave it out where netcheck runs as the same user",
    )
    parser.add_argument(
        "--netns", type=Path, metavar="PATH", help="the network namespace's file (default: our own)"
    )
    parser.add_argument("--delete", action="store_true", help="take the rules away")
    parser.add_argument("--show", action="store_true", help="print the nftables transaction, change nothing")
    return parser


def _user_id(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) < 2**32 - 1):
        raise ValueError(f"expected a user id from 0 to {2**32 - 2}, got {text[:64]!r}")
    return int(text)


def _argument(parse: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """The parser for argparse, which shows only the text of its own kind of error."""

    def parsed(text: str) -> _Value:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed


if __name__ == "__main__":
    sys.exit(main())
