"""Complete TLS handshakes, one after the other: `openssl s_time -new`. wrk and h2load resume sessions."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path

from bench import Void
from bench.processes import last_lines, running
from microgateway_common.settings import Address

#: Clients at a time, so that the peer always has one to serve.
CLIENTS = 4

#: Seconds beyond its duration after which a client counts as hung.
PATIENCE = 15.0

_COUNT = re.compile(r"^(\d+) connections in (\d+) real seconds", re.MULTILINE)


def handshakes(subject: str, address: Address, seconds: int, cpu: int, folder: Path) -> int:
    """How many there were. Raises Void."""
    logs = [folder / f"s_time-{number}.log" for number in range(CLIENTS)]
    command = ["openssl", "s_time", "-new", "-connect", str(address), "-time", str(seconds)]
    total = 0
    with contextlib.ExitStack() as stack:
        for log in logs:
            log.write_bytes(b"")
        clients = [stack.enter_context(running("openssl s_time", command, cpu, log)) for log in logs]
        for client in clients:
            try:
                code = client.process.wait(seconds + PATIENCE)
            except subprocess.TimeoutExpired:
                raise Void(f"openssl s_time against {subject}: hung\n{last_lines(client.log)}") from None
            found = _COUNT.search(client.log.read_text(errors="replace"))
            if code != 0 or found is None or not int(found[1]):
                raise Void(f"openssl s_time against {subject}: exit code {code}\n{last_lines(client.log)}")
            total += int(found[1])
    return total
