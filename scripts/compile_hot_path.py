"""compile_hot_path.py PYTHON: compile the modules that every request goes through, with mypyc.

PYTHON is the interpreter of an environment that has the members installed as wheels, as images have. Its
extension modules come to stand beside the modules they replace; without them the engine works all the same, a
third slower. They are compiled together, so that calls among them are calls of C. Needs a C compiler and the
headers of that Python. Decision 0022.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

#: By package; what takes part in each request and holds no struct of msgspec, which mypyc cannot make.
COMPILED = {
    "microgateway_inspection": (
        "bodies",
        "conditions",
        "deny_rules",
        "documents",
        "fields",
        "header_rewrites",
        "known",
        "limits",
        "matching",
        "normal_path",
        "parsing/cookies",
        "parsing/encoding",
        "parsing/form",
        "parsing/json",
        "parsing/multipart",
        "parsing/path",
        "policy",
        "pollution",
        "request",
        "rule_set",
        "rules/patterns",
    ),
    "microgateway_engine": (
        "config/client",
        "http/fields",
        "http1/bodies",
        "http1/framing",
        "http1/heads",
        "http1/reader",
        "http1/websocket",
        "telemetry/metrics",
        "traffic/admission",
        "traffic/downstream/http1",
        "traffic/exchange",
        "traffic/forwarding",
        "traffic/identifiers",
        "traffic/relay",
        "traffic/server",
        "traffic/turns",
        "traffic/upstream/http1",
        "traffic/upstream/pool",
    ),
}

#: Packages whose types the compiled ones use.
TYPES = ("microgateway_common",)

_SETUP = """
import json, sys
from mypyc.build import mypycify
from setuptools import setup
paths = json.loads(sys.argv.pop(1))
modules = mypycify(paths, opt_level="3", debug_level="0", group_name="microgateway")
setup(name="microgateway-hot-path", packages=[], ext_modules=modules)
"""


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    python = Path(sys.argv[1]).absolute()
    site = _site_packages(python)
    files = [f"{package}/{module}.py" for package, modules in COMPILED.items() for module in modules]
    missing = [each for each in files if not (site / each).is_file()]
    if missing:
        print(
            f"expected the members installed as wheels in {site}, got no {', '.join(missing)}",
            file=sys.stderr,
        )
        return 1
    with tempfile.TemporaryDirectory(prefix="microgateway-hot-path-") as scratch:
        work = Path(scratch)
        for package in (*COMPILED, *TYPES):
            shutil.copytree(
                site / package, work / package, ignore=shutil.ignore_patterns("*.so", "__pycache__")
            )
        print(f"compiling {len(files)} modules, about a minute", flush=True)
        if not _build(work, python, files):
            return 1
        for library in sorted((work / "out").rglob("*.so")):
            target = site / library.relative_to(work / "out")
            shutil.copyfile(library, target)
    return 0


def _site_packages(python: Path) -> Path:
    asked = "import sysconfig; print(sysconfig.get_path('platlib'))"
    return Path(subprocess.check_output([str(python), "-c", asked], text=True).strip())


def _build(work: Path, python: Path, files: list[str]) -> bool:
    """Extension modules below work/out. What the compiler says is shown when it fails."""
    options = [
        *("--python-executable", str(python)),
        *("--ignore-missing-imports", "--follow-imports", "silent", "--disable-error-code", "unused-ignore"),
    ]
    log = work / "log"
    with log.open("wb") as output:
        done = subprocess.run(
            [
                *(sys.executable, "-c", _SETUP, json.dumps([*options, *files])),
                *("--quiet", "build_ext", "--build-lib", "out", "--build-temp", "temp"),
            ],
            cwd=work,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        print(*log.read_text(errors="replace").splitlines()[-40:], sep="\n", file=sys.stderr)
        print("the hot path does not compile", file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())
