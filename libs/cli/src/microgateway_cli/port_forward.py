"""A way to the config-api of a cluster, for as long as a command runs: `kubectl port-forward`."""

from __future__ import annotations

import re
import select
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .processes import die_with_parent

#: Of the config-api in deploy/kustomize.
PORT = 8090

#: Seconds that kubectl may take to reach the API server and the pod.
PATIENCE = 20.0

_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:([0-9]+) ")


class PortForwardError(Exception):
    """There is no way; in kubectl's words."""


@contextmanager
def forwarded(namespace: str, kubeconfig: Path | None, context: str | None) -> Generator[str]:
    """The config-api's URL on this machine. kubeconfig, context: None for kubectl's own choice.

    Raises PortForwardError.
    """
    command = ["kubectl", "port-forward", "--address=127.0.0.1", f"--namespace={namespace}"]
    command += [f"--kubeconfig={kubeconfig}"] if kubeconfig is not None else []
    command += [f"--context={context}"] if context is not None else []
    try:
        process = subprocess.Popen(  # noqa: S603 - kubectl, with arguments of ours
            [*command, "deploy/microgateway-config-api", f":{PORT}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C reaches us, and we end it
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread runs yet
        )
    except OSError as error:
        raise PortForwardError(f"kubectl port-forward: {error.strerror}; or give --server") from error
    assert process.stdout is not None
    # It writes a line for each connection: nobody reads them, but a full pipe would hold it up.
    drain = threading.Thread(target=process.stdout.read)
    try:
        port = _port(process.stdout)
        drain.start()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        if drain.ident is not None:
            drain.join()
        process.stdout.close()


def _port(output: IO[str]) -> int:
    """What it says until it forwards. Raises PortForwardError."""
    said: list[str] = []
    deadline = time.monotonic() + PATIENCE
    while (left := deadline - time.monotonic()) > 0 and select.select([output], [], [], left)[0]:
        line = output.readline()
        if not line:
            raise PortForwardError(f"kubectl port-forward: {' '.join(said) or 'it ended'}")
        if found := _FORWARDING.match(line):
            return int(found[1])
        said.append(line.strip())
    raise PortForwardError(f"kubectl port-forward: expected a port within {PATIENCE:g} s, got none")
