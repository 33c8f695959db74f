"""The command `microgateway-netcheck`: the pod's first init container.

It tries once a second until both families are redirected or the time is over, and reports the last try.

exit codes   0  inbound traffic is redirected, in every address family of the loopback interface
             2  wrong arguments
            10  no redirect over IPv4 (over IPv6 perhaps neither)
            11  no redirect over IPv6, while IPv4 works
            12  port 13378 is taken: the engine runs already, or another process has its port
            13  port 19003 is answered by another process, not by the redirect
            14  the check could not run: no loopback address, or the operating system refused

It talks to the loopback interface only.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .challenge import Ports, check
from .families import Family
from .report import ecs_line, write_termination_log
from .verdict import ExitCode, Verdict, failed, judge

_PAUSE = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """arguments: without the program's name; None takes the process's own. Returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.inbound_port == options.check_port:
        parser.error(f"expected two different ports, got {options.check_port} for both")
    started = time.monotonic()
    verdict = _try_until(started + options.timeout, Ports(options.inbound_port, options.check_port))
    write_termination_log(options.termination_log, verdict.message)
    print(ecs_line(verdict, now=time.time(), seconds=time.monotonic() - started), flush=True)
    return int(verdict.code)


def _try_until(deadline: float, ports: Ports) -> Verdict:
    """The first success, else the last failure. deadline: on the monotonic clock; one try is always made."""
    while True:
        begun = time.monotonic()
        verdict = _try(ports, seconds=max(0.1, min(_PAUSE, deadline - begun)))
        next_try = max(begun + _PAUSE, time.monotonic())
        if verdict.code is ExitCode.REDIRECTED or next_try >= deadline:
            return verdict
        time.sleep(next_try - time.monotonic())


def _try(ports: Ports, seconds: float) -> Verdict:
    try:
        return judge({family: check(family, ports, seconds / len(Family)) for family in Family}, ports)
    except OSError as error:
        return failed(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="microgateway-netcheck",
        description="Prove that inbound traffic of this network namespace is redirected to the engine.",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=3.0,
        metavar="SECONDS",
        help="try once a second for so long (default: %(default)g)",
    )
    parser.add_argument(
        "--termination-log",
        type=Path,
        default=Path("/dev/termination-log"),
        metavar="FILE",
        help="written if it exists (default: %(default)s)",
    )
    parser.add_argument(
        "--inbound-port",
        type=_port,
        default=13378,
        metavar="PORT",
        help="where the redirect leads (default: %(default)s)",
    )
    parser.add_argument(
        "--check-port",
        type=_port,
        default=19003,
        metavar="PORT",
        help="on loopback, redirected to the inbound port (default: %(default)s)",
    )
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"expected seconds above 0 and up to 3600, got {text!r}")
    return seconds


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"expected a port number from 1 to 65535, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
