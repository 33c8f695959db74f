"""All of the installation on one node.

    ensure    executable ─► token, kubeconfig ─► network configuration
    restore   network configuration ─► kubeconfig, token ─► executable

So the runtime never calls what is not there.

Chained into the configuration that the runtime uses: the first by name of its directory. A list gets our
entry; a single plugin's `.conf` stays as it is, and a list made of it is put before it by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

from microgateway_cni.kube.access import Access, to_kubeconfig
from microgateway_cni.plugin.settings import TYPE

from . import atomic, executable
from .conflist import ConflistError, chain, insert, remove, wrap

_CONFIGURATIONS = (".conf", ".conflist", ".json")
#: Sorts before what primary plugins and Multus (`00-multus.conf`) call theirs.
_WRAPPED = f"00-a-{TYPE}-"


@dataclass(frozen=True, slots=True)
class Chained:
    """file: the name of the configuration to chain into; empty takes the first."""

    file: str = ""


@dataclass(frozen=True, slots=True)
class Standalone:
    """A configuration file of our own, named by a Multus NetworkAttachmentDefinition."""

    file: str = f"{TYPE}.conflist"
    cni_version: str = "1.0.0"


@dataclass(frozen=True, slots=True)
class Manual:
    """Whoever runs the node writes the network configuration."""


Mode = Chained | Standalone | Manual


@dataclass(frozen=True, slots=True)
class NodePaths:
    """root: where the node's file system is mounted; the others are paths of the node."""

    root: Path
    net_directory: Path = Path("/etc/cni/net.d")
    bin_directory: Path = Path("/opt/cni/bin")

    @property
    def own_directory(self) -> Path:
        return self.net_directory / f"{TYPE}.d"

    def here(self, path: Path) -> Path:
        """Where we see a path of the node."""
        return self.root / path.relative_to("/")


class NotInstalled(Exception):  # noqa: N818 -- a state, not a fault
    """What keeps the node from being set up; tried again at the next change."""


@dataclass(frozen=True, slots=True)
class Installer:
    """entry: our part of the network configuration (see plugin/settings)."""

    mode: Mode
    paths: NodePaths
    source: Path
    access: Access
    entry: Mapping[str, Any]

    def ensure(self) -> list[str]:
        """Bring the node to what it should be; what had to be done, nothing when all was in place.

        Raises NotInstalled.
        """
        try:
            return [*self._ensure_files(), *self._ensure_configuration()]
        except (OSError, ConflistError) as error:
            raise NotInstalled(str(error)) from error

    def restore(self) -> None:
        """Give the node back as it was. Raises OSError."""
        net = self.paths.here(self.paths.net_directory)
        for path in _configurations(net):
            if path.name.startswith(_WRAPPED) or (
                isinstance(self.mode, Standalone) and path.name == self.mode.file
            ):
                atomic.remove(path)
            elif not isinstance(self.mode, Manual):
                self._take_out(path)
        own = self.paths.here(self.paths.own_directory)
        for name in ("kubeconfig", "token"):
            atomic.remove(own / name)
        if own.is_dir():
            own.rmdir()
        executable.uninstall(self.paths.here(self.paths.bin_directory))
        atomic.sweep(net)

    def watched(self) -> list[Path]:
        """Directories in which a change may be drift: ours, the primary's, and the token's."""
        node = (self.paths.net_directory, self.paths.own_directory, self.paths.bin_directory)
        token = [Path(self.access.token_file).parent] if self.access.token_file else []
        return [*(self.paths.here(path) for path in node), *token]

    def _ensure_files(self) -> list[str]:
        own = self.paths.here(self.paths.own_directory)
        net, binaries = (self.paths.here(p) for p in (self.paths.net_directory, self.paths.bin_directory))
        for directory in (net, binaries):
            directory.mkdir(parents=True, exist_ok=True)
        own.mkdir(mode=0o700, exist_ok=True)
        for directory in (net, binaries, own):
            atomic.sweep(directory)
        done = []
        if executable.install(self.source, binaries):
            done.append("executable")
        if atomic.write(own / "token", self.access.token().encode(), 0o600):
            done.append("token")
        kubeconfig = to_kubeconfig(self.access, self.paths.own_directory / "token")
        if atomic.write(own / "kubeconfig", kubeconfig, 0o600):
            done.append("kubeconfig")
        return done

    def _ensure_configuration(self) -> list[str]:
        net = self.paths.here(self.paths.net_directory)
        match self.mode:
            case Manual():
                return []
            case Standalone(file, version):
                ours = net / file
                done = [file] if atomic.write(ours, chain(TYPE, version, [self.entry]), 0o644) else []
                return [*done, *self._clear(net, keep=ours)]
            case Chained(file):
                return self._ensure_chained(net, file)
            case _:
                assert_never(self.mode)

    def _ensure_chained(self, net: Path, name: str) -> list[str]:
        primaries = [path for path in _configurations(net) if not path.name.startswith(_WRAPPED)]
        chosen = [path for path in primaries if name in ("", path.name)]
        if not chosen:
            expected = name or "a network configuration of the primary plugin"
            raise NotInstalled(f"{net}: expected {expected}, got none")
        primary = chosen[0]
        wrapped = net / f"{_WRAPPED}{primary.stem}.conflist"
        if primary.suffix != ".conflist" and wrapped.name > primary.name:
            raise NotInstalled(f"{primary}: expected a name that sorts after {wrapped.name}")
        existing = primary.read_bytes()
        try:
            if primary.suffix == ".conflist":
                changed = primary
                done = [primary.name] if atomic.rewrite(primary, insert(self.entry, existing)) else []
            else:
                changed = wrapped
                done = [wrapped.name] if atomic.write(wrapped, wrap(self.entry, existing), 0o644) else []
        except ConflistError as error:
            raise NotInstalled(f"{primary}: {error}") from error
        return [*done, *self._clear(net, keep=changed)]

    def _clear(self, net: Path, keep: Path) -> list[str]:
        """Take our entry out of configurations that had it under another mode or as another first."""
        done = []
        for path in _configurations(net):
            if path == keep:
                continue
            if path.name.startswith(_WRAPPED):
                atomic.remove(path)
                done.append(f"{path.name} removed")
            elif self._take_out(path):
                done.append(f"{path.name} restored")
        return done

    def _take_out(self, path: Path) -> bool:
        """Without our entry; a file we cannot read holds none of ours."""
        if path.suffix != ".conflist":
            return False
        existing = path.read_bytes()
        try:
            return atomic.rewrite(path, remove(TYPE, existing))
        except ConflistError:
            return False


def _configurations(directory: Path) -> list[Path]:
    """As runtimes see them: by ending, in the order of their names."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.suffix in _CONFIGURATIONS and path.is_file())
