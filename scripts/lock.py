"""Write requirements/*.txt: one locked file with hashes per deployable, and `dev.txt` with everything.

Members depend on each other by name and none of them is on a package index, so their third-party
requirements are collected here and handed to `uv pip compile`. `dev.txt` is resolved first and
constrains the others: one version of a library in the whole repository.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
MEMBER = re.compile(r"^(microgateway-[a-z-]+)(?:\[([a-z, ]+)\])?$")


def member_projects() -> dict[str, dict[str, object]]:
    paths = sorted([*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")])
    projects = [tomllib.loads(path.read_text())["project"] for path in paths]
    return {project["name"]: project for project in projects}


def third_party(projects: dict[str, dict[str, object]], name: str, extras: frozenset[str]) -> set[str]:
    """Requirements of one member with the given extras, its sibling members' included."""
    project = projects[name]
    declared: list[str] = list(project["dependencies"])  # type: ignore[call-overload]
    optional: dict[str, list[str]] = project.get("optional-dependencies", {})  # type: ignore[assignment]
    for extra in extras:
        declared += optional[extra]
    found: set[str] = set()
    for requirement in declared:
        if sibling := MEMBER.match(requirement):
            wanted = frozenset(part.strip() for part in (sibling[2] or "").split(",") if part.strip())
            found |= third_party(projects, sibling[1], wanted)
        else:
            found.add(requirement)
    return found


def compile_locked(wanted: set[str], output: Path, constraint: Path | None, upgrade: bool) -> None:
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
        "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate",
        "--output-file", str(output), "-",
    ]  # fmt: skip
    if constraint is not None:
        command += ["--constraint", str(constraint)]
    if upgrade:
        command.append("--upgrade")
    subprocess.run(command, input="\n".join(sorted(wanted)), text=True, check=True)


def main() -> None:
    upgrade = "--upgrade" in sys.argv[1:]
    projects = member_projects()
    everything = {
        line.split("#")[0].strip() for line in (REQUIREMENTS / "dev.in").read_text().splitlines()
    } - {""}
    for name, project in projects.items():
        extras: dict[str, object] = project.get("optional-dependencies", {})  # type: ignore[assignment]
        everything |= third_party(projects, name, frozenset(extras))
    dev = REQUIREMENTS / "dev.txt"
    compile_locked(everything, dev, None, upgrade)
    print(f"locked {dev.relative_to(ROOT)}")
    for name in projects:
        output = REQUIREMENTS / f"{name.removeprefix('microgateway-')}.txt"
        own_extras: dict[str, object] = projects[name].get("optional-dependencies", {})  # type: ignore[assignment]
        wanted = third_party(projects, name, frozenset(own_extras))
        if wanted:
            compile_locked(wanted, output, dev, upgrade=False)
        else:
            output.write_text("# standard library only\n")
        print(f"locked {output.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
