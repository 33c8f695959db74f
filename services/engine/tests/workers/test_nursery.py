"""Processes that are forked, live and end; in a process of their own, as a test has threads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

#: What both stories begin and end with.
FRAME = """
import asyncio, json, os, signal, socket, sys
from microgateway_engine.workers.nursery import Born, Died, Nursery

def work(slot, end):
    if slot == 7:
        raise ValueError("a worker that fails")
    said = end.recv(100)
    if said == b"abort":
        os.abort()
    end.send(b"%%d heard %%b" %% (slot, said))
    while end.recv(100):
        pass
    return slot

%s

fork = os.fork
def remembering():
    global nursery_pid
    pid = fork()
    nursery_pid = pid
    return pid
os.fork = remembering
nursery = Nursery.fork(work)
os.fork = fork
asyncio.run(main())
"""

LIFE = """
async def main():
    events = asyncio.Queue()
    loop = asyncio.get_running_loop()
    nursery.watch(events.put_nowait, lambda: events.put_nowait(None))
    story = []

    async def event():
        async with asyncio.timeout(30):
            return await events.get()

    ends = {}
    for slot in (0, 1, 2, 7):
        ends[slot] = nursery.spawn(slot)
        born = await event()
        assert isinstance(born, Born) and born.slot == slot
        ends[slot].setblocking(False)
        pid = born.pid
        if slot == 0:
            await loop.sock_sendall(ends[0], b"hello")
            story.append((await loop.sock_recv(ends[0], 100)).decode())
            os.kill(pid, 0)
            first = pid
        elif slot == 1:
            await loop.sock_sendall(ends[1], b"abort")
            story.append(["aborted", (await event()).status])
        elif slot == 2:
            nursery.kill(pid)
            nursery.kill(4194303)
            story.append(["killed", (await event()).status])
            story.append(["its socket", len(await loop.sock_recv(ends[2], 100))])
        else:
            story.append(["failed", (await event()).status])
    ends[0].close()
    died = await event()
    story.append(["ended", died.status, died.pid == first])
    ends[0] = nursery.spawn(0)
    await event()
    await loop.sock_sendall(ends[0], b"again")
    ends[0].setblocking(False)
    story.append((await loop.sock_recv(ends[0], 100)).decode())
    nursery.close()
    story.append(["nursery", os.waitpid(nursery_pid, 0)[1]])
    print(json.dumps(story))
"""

#: Deaths that come while another is being told.
MANY = """
async def main():
    events = asyncio.Queue()
    nursery.watch(events.put_nowait, lambda: events.put_nowait(None))
    for _ in range(150):
        ends = [nursery.spawn(slot) for slot in range(20, 24)]
        born = {(await events.get()).pid for _ in ends}
        for pid in born:
            os.kill(pid, signal.SIGKILL)
        died = [await events.get() for _ in ends]
        assert {event.pid for event in died} == born, died
        for end in ends:
            end.close()
    print(json.dumps("all told"))
"""


def run(tmp_path: Path, story: str) -> tuple[Any, str]:
    """What the script printed, and its complaints."""
    script = tmp_path / "script.py"
    script.write_text(FRAME % story)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    return json.loads(done.stdout or "[]"), done.stderr


def test_a_life_of_workers(tmp_path: Path) -> None:
    story, complaints = run(tmp_path, LIFE)
    assert story == [
        "0 heard hello",
        ["aborted", -6],
        ["killed", -9],
        ["its socket", 0],
        ["failed", 1],
        ["ended", 0, True],
        "0 heard again",
        ["nursery", 0],
    ], complaints


def test_all_may_die_at_once(tmp_path: Path) -> None:
    assert run(tmp_path, MANY)[0] == "all told"
