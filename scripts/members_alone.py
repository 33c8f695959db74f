"""Install each member alone, with what it declares and nothing else, and import all of its modules.

An import that the member does not declare works in the shared environment and fails here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = [sys.executable, "-m", "uv"]

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [each.name for each in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    if not name.endswith(".__main__"):
        importlib.import_module(name)
print(len(names) + 1)
"""


def member_folders() -> dict[str, Path]:
    paths = sorted([*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")])
    return {tomllib.loads(path.read_text())["project"]["name"]: path.parent for path in paths}


def siblings(folders: dict[str, Path], name: str) -> set[str]:
    """Members that this one needs, directly or through another."""
    project = tomllib.loads((folders[name] / "pyproject.toml").read_text())["project"]
    found: set[str] = set()
    for requirement in project["dependencies"]:
        sibling = requirement.partition("[")[0].strip()
        if sibling in folders:
            found |= {sibling} | siblings(folders, sibling)
    return found


def check(folders: dict[str, Path], name: str, scratch: Path) -> bool:
    environment = scratch / name
    python = environment / "bin" / "python"
    locked = ROOT / "requirements" / f"{name.removeprefix('microgateway-')}.txt"
    members = [folders[each] for each in sorted(siblings(folders, name) | {name})]
    quiet = {**os.environ, "VIRTUAL_ENV": "", "UV_LINK_MODE": "copy"}
    steps = [
        [*UV, "venv", "--quiet", "--python", sys.executable, str(environment)],
        [*UV, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(locked)],
        [*UV, "pip", "install", "--quiet", "--python", str(python), "--no-deps", *map(str, members)],
    ]  # fmt: skip
    for step in steps:
        subprocess.run(step, check=True, env=quiet)
    package = name.replace("-", "_")
    done = subprocess.run(
        [str(python), "-c", IMPORT_ALL, package], capture_output=True, text=True, check=False, cwd=scratch
    )
    if done.returncode:
        print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
        return False
    print(f"{name}: {done.stdout.strip()} modules import")
    return True


def main() -> None:
    folders = member_folders()
    with tempfile.TemporaryDirectory(prefix="microgateway-members-") as scratch:
        results = [check(folders, name, Path(scratch)) for name in folders]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
