"""How long people wait from saving a manifest to the first response under it, and what reloads cost
those who send requests meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench import Void
from bench.accounting import memory
from bench.cases import Request
from bench.load import Generator
from bench.peers import Peer
from bench.peers.microgateway import MANIFESTS
from bench.verify import send

HEADER = "x-bench-revision"
FIRST = "revision-0"

#: Seconds between two requests that look for the effect.
LOOKING = 0.001

#: Seconds after which a saved manifest counts as lost.
PATIENCE = 10.0

#: Seconds of pause between edits, at random: no timer of anybody may keep step with them.
PAUSE = (0.05, 0.25)


@dataclass(frozen=True, slots=True)
class UnderLoad:
    """Reloads while wrk sends requests. rss_early, rss_late: MiB of the engine after a tenth of the
    reloads, and at the end."""

    reloads: int
    requests: int
    failed: int
    rss_early: float
    rss_late: float


class Editor:
    """Saves bench/manifests/reload/*.yaml into a watched folder, each time with the next revision."""

    def __init__(self, manifests: Path, drafts: Path) -> None:
        """drafts: a folder nobody watches, on the same file system."""
        self._manifests = manifests
        self._drafts = drafts
        self._revision = 0

    def begin(self) -> str:
        """Put the manifests in place; the first revision."""
        for manifest in sorted((MANIFESTS / "reload").glob("*.yaml")):
            self._save(manifest.name, manifest.read_text())
        return FIRST

    def edit(self) -> str:
        """Save the next revision, as editors do: a new file under the old name."""
        self._revision += 1
        revision = f"revision-{self._revision}"
        text = (MANIFESTS / "reload" / "header-rewrites.yaml").read_text()
        self._save("header-rewrites.yaml", text.replace(FIRST, revision))
        return revision

    def _save(self, name: str, text: str) -> None:
        draft = self._drafts / name
        draft.write_text(text)
        draft.replace(self._manifests / name)


class Watcher:
    """One kept-alive client, whose connection must outlive every reload."""

    def __init__(self, peer: Peer, request: Request) -> None:
        self._peer = peer
        self._request = request
        self._connection = http.client.HTTPConnection(*peer.address, timeout=PATIENCE)
        self._connection.connect()
        self._connection.auto_open = 0  # a closed connection shall be an error, not a new connection

    def await_revision(self, revision: str) -> None:
        """Return when a response carries it. Raises Void."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = send(self._connection, self._request)
            except (OSError, http.client.HTTPException) as error:
                raise Void(
                    f"{self._peer.name}, {revision}: a reload broke a connection: {error!r}"
                ) from error
            if answer.status != 200:
                raise Void(f"{self._peer.name}, {revision}: expected 200, got {answer.status}")
            if answer.headers.get(HEADER) == revision:
                return
            time.sleep(LOOKING)
        raise Void(f"{self._peer.name}: expected {revision} in responses within {PATIENCE:g} s of saving it")

    def close(self) -> None:
        self._connection.close()


def saved_to_applied(editor: Editor, watcher: Watcher, edits: int) -> list[float]:
    """Milliseconds of each edit. Raises Void."""
    pauses = random.Random(edits)
    found: list[float] = []
    for _ in range(edits):
        time.sleep(pauses.uniform(*PAUSE))
        saved = time.perf_counter()
        watcher.await_revision(editor.edit())
        found.append((time.perf_counter() - saved) * 1e3)
    return found


def reloads_under_load(
    editor: Editor, watcher: Watcher, peer: Peer, request: Request, generator: Generator, reloads: int
) -> UnderLoad:
    """One edit after the other, each as soon as the one before shows. Raises Void."""
    early = 0.0
    with _constant(peer, request, generator) as traffic:
        for number in range(reloads):
            watcher.await_revision(editor.edit())
            if number == reloads // 10:
                early = memory(peer.process.pid).rss
            traffic.check()
    late = memory(peer.process.pid).rss
    return UnderLoad(reloads, traffic.requests, traffic.failed, early, late)


@dataclass(slots=True)
class _Traffic:
    requests: int = 0
    failed: int = 0
    errors: list[Void] = field(default_factory=list)

    def check(self) -> None:
        if self.errors:
            raise self.errors[0]


@contextlib.contextmanager
def _constant(peer: Peer, request: Request, generator: Generator) -> Iterator[_Traffic]:
    """Load in runs of a second until left; counts are complete then."""
    traffic = _Traffic()
    done = threading.Event()

    def drive() -> None:
        try:
            while not done.is_set():
                load = generator.run(peer.name, peer.address, request, seconds=1)
                traffic.requests += load.requests
                traffic.failed += load.failed
                os.truncate(peer.access_log, 0)
        except Void as error:
            traffic.errors.append(error)

    thread = threading.Thread(target=drive, name="load")
    thread.start()
    try:
        yield traffic
    finally:
        done.set()
        thread.join()
    traffic.check()
