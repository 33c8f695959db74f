"""`python -m bench`: the whole comparison, or parts of it. Exit code 1 and a message when one is void."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TypeVar

from bench import LeftOut, Void, VoidPart, processes, report
from bench.cases import cases
from bench.cluster import cluster
from bench.dataplane.loads import FEW_CASES, Rounds
from bench.dataplane.part import PROGRAMS, dataplane
from bench.dataplane.part import seconds as longest_loads
from bench.dataplane.results import DataPlane
from bench.inspection import inspection_cost
from bench.load import Generator
from bench.machine import this_machine
from bench.measure import Plan, measure
from bench.peers import microgateway
from bench.peers.microgateway import Warmed
from bench.peers.modsecurity import modsecurity
from bench.peers.nginx import application, plain
from bench.processes import Cpus
from bench.reload import Editor, Watcher, reloads_under_load, saved_to_applied
from bench.results import Comparison, Results
from bench.tables import as_markdown
from bench.telemetry import telemetry_cost
from bench.verify import verify

HERE = Path(__file__).resolve().parent

#: Seconds beyond the load itself after which the run ends by itself.
OVERHEAD = 600

#: Load average above which a machine is too busy to measure on.
QUIET = 0.5


#: Parts, in the order they run.
COMPARISON, DATAPLANE, TELEMETRY, INSPECTION, KUBERNETES = PARTS = (
    "comparison",
    "dataplane",
    "telemetry",
    "inspection",
    "kubernetes",
)

#: What is measured on each part of the way, by default and in a quick look.
DATAPLANE_ROUNDS = Rounds(rounds=3, seconds=2, warm_up=0.3)
QUICK_ROUNDS = Rounds(rounds=1, seconds=1, warm_up=0.1, cases=FEW_CASES, rates=(1000,))

#: Of inspection alone: rounds, and seconds of each.
INSPECTION_ROUNDS = (5, 0.5)
QUICK_INSPECTION = (2, 0.05)

NOT_ASKED_FOR = LeftOut("other parts were asked for")

Part = TypeVar("Part")


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """edits, starts, reloads: how many. idle: connections that do nothing. gateways: on Kubernetes.
    inspection: rounds, and seconds each. parts: of PARTS. quick: a look, whose results are only printed, as
    those of some parts are."""

    plan: Plan
    connections: int
    edits: int
    starts: int
    reloads: int
    rounds: Rounds = DATAPLANE_ROUNDS
    idle: int = 5000
    gateways: int = 1000
    inspection: tuple[int, float] = INSPECTION_ROUNDS
    parts: tuple[str, ...] = PARTS
    quick: bool = False

    @property
    def longest(self) -> int:
        """Seconds the whole run may take."""
        loads = self.plan.rounds * len(cases()) * 3
        return int(
            OVERHEAD
            + loads * (self.plan.seconds + self.plan.warm_up + 5)
            + self.edits
            + self.starts
            + self.reloads
            + longest_loads(self.rounds)
        )


def main() -> None:
    options = parse(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, _interrupted)
    signal.alarm(options.longest)
    try:
        processes.require("setpriv", "taskset", "dpkg-query")
        results = run(options)
    except Void as reason:
        print(f"\nThe comparison is void. {reason}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\ninterrupted; everything that was started has ended", file=sys.stderr)
        sys.exit(130)
    print(f"\n{as_markdown(results)}\n")
    if not options.quick and options.parts == PARTS:
        saved = report.save(results, HERE / "results", HERE / "README.md")
        print(f"written: {saved.relative_to(HERE.parent)} and bench/README.md")
    if void := [each for each in (results.dataplane, results.cluster) if isinstance(each, VoidPart)]:
        print("\n".join(each.reason for each in void), file=sys.stderr)
        sys.exit(1)


def parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Microgateway and its peers on one core."
    )
    parser.add_argument("--rounds", type=_count, default=5, metavar="N", help="of everything (default: 5)")
    parser.add_argument("--seconds", type=_count, default=5, metavar="N", help="of load, each (default: 5)")
    parser.add_argument(
        "--warm-up", type=_count, default=1, metavar="N", help="seconds before it (default: 1)"
    )
    parser.add_argument("--connections", type=_count, default=32, metavar="N", help="of wrk (default: 32)")
    parser.add_argument("--edits", type=_count, default=30, metavar="N", help="saved → applied (default: 30)")
    parser.add_argument("--starts", type=_count, default=5, metavar="N", help="start → ready (default: 5)")
    parser.add_argument(
        "--reloads", type=_count, default=1000, metavar="N", help="under load (default: 1000)"
    )
    parser.add_argument(
        "--only",
        choices=PARTS,
        action="append",
        help="a part, and others given likewise; nothing is written then",
    )
    parser.add_argument(
        "--dataplane-rounds",
        type=_count,
        default=DATAPLANE_ROUNDS.rounds,
        metavar="N",
        help=f"of everything in that part (default: {DATAPLANE_ROUNDS.rounds})",
    )
    parser.add_argument(
        "--dataplane-seconds",
        type=_count,
        default=DATAPLANE_ROUNDS.seconds,
        metavar="N",
        help=f"of load there, each (default: {DATAPLANE_ROUNDS.seconds})",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a look in four minutes: one round of 1 s; nothing is written"
    )
    given = parser.parse_args(arguments)
    parts = PARTS if given.only is None else tuple(each for each in PARTS if each in given.only)
    if given.quick:
        return Options(
            Plan(1, 1, 1),
            given.connections,
            edits=5,
            starts=2,
            reloads=50,
            rounds=QUICK_ROUNDS,
            idle=500,
            gateways=20,
            inspection=QUICK_INSPECTION,
            parts=parts,
            quick=True,
        )
    return Options(
        Plan(given.rounds, given.seconds, given.warm_up),
        given.connections,
        given.edits,
        given.starts,
        given.reloads,
        dataclasses.replace(DATAPLANE_ROUNDS, rounds=given.dataplane_rounds, seconds=given.dataplane_seconds),
        parts=parts,
    )


def run(options: Options) -> Results:
    """Run the parts that are asked for. Raises Void when the comparison is void.

    Another part that is void is left out, so that what was measured is not lost.
    """
    date = datetime.now(UTC).isoformat(timespec="seconds")
    machine, load_before = this_machine(), os.getloadavg()[0]
    if load_before > QUIET:
        progress(f"warning: the machine is busy, load average {load_before:.1f}; the numbers will be noisy")
    cpus = processes.two_cpus()
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpus.rest})  # ours, and what we start without pinning it
    with tempfile.TemporaryDirectory(prefix="microgateway-bench-") as root:
        folder = _folders(Path(root))
        rules = folder("rules")
        warmed = microgateway.warm(rules, folder("warm") / "log")

        def measure_dataplane() -> DataPlane:
            processes.require(*PROGRAMS)
            return dataplane(options.rounds, options.connections, options.idle, cpus, rules, folder, progress)

        def part(name: str, measured: Callable[[], Part]) -> Part | LeftOut:
            if name not in options.parts:
                return NOT_ASKED_FOR
            try:
                return measured()
            except Void as reason:
                progress(f"{name}: void. {reason}")
                return VoidPart(f"{name} is void: {str(reason).splitlines()[0]}")

        return Results(
            date=date,
            machine=machine,
            load_before=load_before,
            plan=options.plan,
            comparison=(
                compare(options, cpus, rules, warmed, folder)
                if COMPARISON in options.parts
                else NOT_ASKED_FOR
            ),
            dataplane=part(DATAPLANE, measure_dataplane),
            telemetry=part(TELEMETRY, lambda: telemetry_cost(options.plan.rounds, 0.5)),
            inspection=part(INSPECTION, lambda: inspection_cost(*options.inspection)),
            cluster=part(
                KUBERNETES,
                lambda: cluster(options.edits, options.gateways, folder("kube"), allowed, progress),
            ),
        )


def compare(
    options: Options, cpus: Cpus, rules: Path, warmed: Warmed, folder: Callable[[str], Path]
) -> Comparison:
    """Start everything, verify, measure, end everything. Raises Void."""
    processes.require("nginx", "wrk", "redis-server")
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        generator = Generator(cpus.rest, options.connections, folder("wrk"))
        progress("starting the application, nginx, and nginx with ModSecurity")
        upstream = enter(application(folder("application"), cpus.rest))
        others = (
            enter(plain(folder("nginx"), cpus.subject, upstream)),
            enter(modsecurity(folder("modsecurity"), cpus.subject, upstream)),
        )
        progress("starting Microgateway")
        control = enter(microgateway.control_plane(folder("control-plane"), cpus.rest))
        with microgateway.engine(folder("engine"), cpus.subject, upstream, control, rules) as engine:
            peers = (engine.peer, *others)
            for case in cases():
                for peer in peers:
                    verify(peer, case)
            progress("verified: normal requests reach the application, attacks do not, all are logged")
            samples = measure(peers, cases(), options.plan, cpus, generator, progress)
            get = cases()[0].normal
            editor = Editor(control.manifests, folder("drafts"))
            with contextlib.closing(Watcher(engine.peer, get)) as watcher:
                watcher.await_revision(editor.begin())
                progress(f"saving {options.edits} edits")
                applied = saved_to_applied(editor, watcher, options.edits)
                progress(f"saving {options.reloads} edits under load")
                loaded = reloads_under_load(editor, watcher, engine.peer, get, generator, options.reloads)
        progress(f"starting the engine {options.starts} times")
        starts: list[float] = []
        for number in range(options.starts):
            with microgateway.engine(
                folder(f"start-{number}"), cpus.subject, upstream, control, rules
            ) as engine:
                starts.append(engine.start * 1e3)
    return Comparison(
        rules=warmed.rules,
        samples=tuple(samples),
        applied=tuple(applied),
        starts=tuple(starts),
        warming=warmed.seconds * 1e3,
        under_load=loaded,
    )


def progress(line: str) -> None:
    print(line, flush=True)


def _folders(root: Path) -> Callable[[str], Path]:
    """Makes new folders below the root, which workers that are not root may enter."""
    root.chmod(0o755)

    def make(name: str) -> Path:
        folder = root / name
        folder.mkdir()
        return folder

    return make


def _count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text!r}")
    return number


def _interrupted(number: int, _: FrameType | None) -> None:
    if number == signal.SIGALRM:
        raise Void("it took too long: a process hangs")
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
