"""What the numbers were taken on: enough to compare, nothing that tells whose machine it was."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

#: Debian packages whose versions matter.
PACKAGES = (
    "nginx",
    "libnginx-mod-http-modsecurity",
    "libmodsecurity3",
    "modsecurity-crs",
    "haproxy",
    "wrk",
    "nghttp2-client",
    "openssl",
    "redis-server",
)

#: And ours and those of Python.
DISTRIBUTIONS = ("microgateway-engine", "uvloop", "hyperscan", "msgspec", "h2")


@dataclass(frozen=True, slots=True)
class Machine:
    """memory: GiB. versions: by the name of the package."""

    cpu: str
    cores: int
    memory: float
    kernel: str
    system: str
    versions: dict[str, str]

    @property
    def slug(self) -> str:
        """For file names: `amd-epyc-2-cores`."""
        plain = re.sub(r"\(r\)|\(tm\)|cpu|processor|@.*", " ", self.cpu.lower())
        return "-".join([*re.findall(r"[a-z0-9]+", plain), str(self.cores), "cores"])


def this_machine() -> Machine:
    return Machine(
        cpu=_field("/proc/cpuinfo", "model name") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        kernel=platform.release(),
        system=platform.freedesktop_os_release()["PRETTY_NAME"],
        versions={"python": platform.python_version(), **_python_versions(), **_debian_versions()},
    )


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _python_versions() -> dict[str, str]:
    return {name: version(name) for name in DISTRIBUTIONS}


def _debian_versions() -> dict[str, str]:
    command = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\n", *PACKAGES]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return dict(line.split(" ", 1) for line in found.splitlines())
