"""Runs every fuzz target for a bounded time; fails on the first input that breaks a property.

fuzz.py                              each target for 20 seconds
fuzz.py --seconds 300 http1          those whose name contains `http1`, for longer
fuzz.py --reproduce TARGET FILE      one input, with the traceback

A target is a module `fuzz/*.py` of a member: `check(data)` states the properties, SEEDS are inputs to begin
with, INSTRUMENT names the packages whose branches guide the search. Inputs that reach new branches are kept
in build/fuzz.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CORPORA: Final = ROOT / "build/fuzz"

# What targets share with tests.
sys.path.append(str(ROOT / "services/engine/tests/support"))

#: Bytes of an input; parsers have states, not sizes, and longer inputs are slower to find anything.
_MAX_LENGTH: Final = 4096
#: How libFuzzer's lines begin that say nothing about a finding.
_CHATTER: Final = ("#", "INFO:", "WARNING:", "stat::")
#: Seconds for one input, and MiB for all of it: more is a bug of its own.
_MAX_SECONDS: Final = 10
_MAX_MEMORY: Final = 2048


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="of targets, or parts of names; all without any")
    parser.add_argument("--seconds", type=int, default=20, help="for each target (default: 20)")
    parser.add_argument("--reproduce", nargs=2, metavar=("TARGET", "FILE"), type=Path, help="run one input")
    parser.add_argument("--in-this-process", metavar="TARGET", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reproduce:
        target, file = options.reproduce
        load(target).check(file.read_bytes())
        print(f"{file} breaks nothing")
        return 0
    if options.in_this_process:
        fuzz(options.in_this_process, options.seconds)
        return 0
    chosen = [
        each for each in targets() if not options.names or any(name in each.stem for name in options.names)
    ]
    if not chosen:
        known = ", ".join(each.stem for each in targets())
        print(f"expected a target of {known}, got {' '.join(options.names)}", file=sys.stderr)
        return 2
    return max(run(target, options.seconds) for target in chosen)


def targets() -> list[Path]:
    return sorted(each for folder in ("libs", "services") for each in ROOT.glob(f"{folder}/*/fuzz/*.py"))


def load(target: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fuzz_{target.stem}", target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fuzz(target: Path, seconds: int) -> None:
    """Does not return: libFuzzer ends the process."""
    import atheris

    package_names = _instrumented(target)
    with atheris.instrument_imports(include=package_names):
        module = load(target)
    corpus = CORPORA / target.stem
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in module.SEEDS:
        (corpus / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
    flags = {
        "max_total_time": seconds,
        "max_len": _MAX_LENGTH,
        "timeout": _MAX_SECONDS,
        "rss_limit_mb": _MAX_MEMORY,
        "artifact_prefix": f"{corpus}-",
        "print_final_stats": 1,
    }
    atheris.Setup(
        [str(target), *(f"-{name}={value}" for name, value in flags.items()), str(corpus)], module.check
    )
    atheris.Fuzz()


def _instrumented(target: Path) -> list[str]:
    """INSTRUMENT of the target, read before the packages are imported."""
    for line in target.read_text("utf-8").splitlines():
        if line.startswith("INSTRUMENT = "):
            return [each.strip(" \"'()") for each in line.partition("=")[2].split(",") if each.strip(" ()")]
    raise ValueError(f"{target}: expected a line INSTRUMENT = (…)")


def run(target: Path, seconds: int) -> int:
    """1 when an input broke a property, and then how to see it again."""
    print(f"{target.relative_to(ROOT)}: {seconds} s", flush=True)
    started = subprocess.run(
        [sys.executable, __file__, "--in-this-process", str(target), "--seconds", str(seconds)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds + 60,
    )
    output = started.stdout + started.stderr
    if started.returncode == 0:
        print(f"  {_statistic(output, 'number_of_executed_units')} inputs, nothing broke")
        return 0
    print("\n".join(line for line in output.splitlines() if not line.startswith(_CHATTER)))
    artifacts = [line.rpartition(" ")[2] for line in output.splitlines() if "Test unit written to" in line]
    for artifact in artifacts:
        print(f"again: {sys.executable} scripts/fuzz.py --reproduce {target.relative_to(ROOT)} {artifact}")
    return 1


def _statistic(output: str, name: str) -> str:
    found = (line.rpartition(" ")[2] for line in output.splitlines() if f"stat::{name}" in line)
    return next(found, "some")


if __name__ == "__main__":
    sys.exit(main())
