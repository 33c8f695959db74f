"""The pod and the client of the redirect's own tests; the plugin's bundle; libcni."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from services.cni.tests.conftest import api as api
from services.cni.tests.conftest import network as network
from services.cni.tests.plugin.conftest import Plugin
from services.cni.tests.plugin.conftest import lonely_plugin as lonely_plugin
from services.cni.tests.plugin.conftest import plugin as plugin

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "build" / "cni-bundle"
#: Debian's golang-github-appc-cni-dev.
LIBCNI = Path("/usr/share/gocode/src/github.com/containernetworking/cni/libcni")


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The folder that the image has, built here."""
    missing = [name for name in ("gcc", "objdump", "nft") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (Debian packages gcc libc6-dev binutils nftables)")
    environment = {**os.environ, "PYTHON": sys.executable}
    command = [str(ROOT / "scripts" / "cni-bundle.sh"), str(BUNDLE)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, env=environment)
    return BUNDLE


@pytest.fixture(scope="session")
def binaries(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CNI bin directory with the plugin behind its link, as the agent leaves it."""
    from microgateway_cni.agent.install import executable

    directory = tmp_path_factory.mktemp("bin")
    executable.install(bundle, directory)
    return directory


@pytest.fixture
def installed_plugin(plugin: Plugin, binaries: Path) -> Plugin:
    """The bundle instead of a module of our Python, with the agent's socket service."""
    plugin.command = [str(binaries / "microgateway-cni")]
    return plugin


@pytest.fixture(scope="session")
def libcni(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in libcni/main.go, built with Debian's copy of the library."""
    if shutil.which("go") is None or not LIBCNI.is_dir():
        pytest.skip("needs the packages golang-go and golang-github-appc-cni-dev")
    program = tmp_path_factory.mktemp("libcni") / "libcni"
    subprocess.run(
        ["go", "build", "-o", str(program), str(Path(__file__).parent / "libcni" / "main.go")],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
        env={
            **os.environ,
            "GO111MODULE": "off",
            "GOPATH": "/usr/share/gocode",
            "GOFLAGS": "-buildvcs=false",
            "GOCACHE": str(ROOT / "build" / "go"),
        },
    )
    return program
