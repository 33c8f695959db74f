"""Messages over a socket, however the kernel cuts them."""

from __future__ import annotations

import asyncio
import socket

from running_gateway import eventually

from microgateway_common.names import GatewayKey
from microgateway_engine.workers.channel import Channel
from microgateway_engine.workers.messages import (
    Commit,
    Drain,
    FromWorker,
    Prepare,
    Refused,
    ToWorker,
    decode_from_worker,
    decode_to_worker,
)


async def test_a_dialogue() -> None:
    ours, theirs = socket.socketpair()
    said: list[ToWorker] = []
    answered: list[FromWorker] = []
    closed = asyncio.Event()
    worker = Channel(decode_to_worker, said.append, closed.set)
    await worker.open(theirs)
    supervisor = Channel(decode_from_worker, answered.append, lambda: None)
    await supervisor.open(ours)
    messages: list[ToWorker] = [
        Prepare(1, GatewayKey("shop/shop"), b"x" * 3_000_000),
        Commit(2),
        *(Prepare(number, GatewayKey("a/b"), b"") for number in range(500)),
        Drain(1.5),
    ]
    for message in messages:
        supervisor.send(message)
    await eventually(lambda: len(said) == len(messages), "all messages")
    assert said == messages
    worker.send(Refused(1, "malformed", "expected …"))
    await eventually(lambda: answered, "an answer")
    assert answered == [Refused(1, "malformed", "expected …")]
    supervisor.close()
    await eventually(closed.is_set, "the end")
    worker.send(Commit(1))
    worker.close()
    worker.send(Commit(2))


async def test_messages_that_come_byte_by_byte() -> None:
    ours, theirs = socket.socketpair()
    said: list[ToWorker] = []
    channel = Channel(decode_to_worker, said.append, lambda: None)
    await channel.open(theirs)
    recorded, recorder = socket.socketpair()
    other = Channel(decode_to_worker, said.append, lambda: None)
    await other.open(recorder)
    other.send(Commit(7))
    other.send(Drain(0.0))
    await asyncio.sleep(0.01)
    for byte in recorded.recv(4096):
        ours.send(bytes([byte]))
        await asyncio.sleep(0)
    await eventually(lambda: len(said) == 2, "both")
    assert said == [Commit(7), Drain(0.0)]
    channel.close()
    other.close()
    ours.close()
    recorded.close()


async def test_it_knows_what_the_other_end_has_not_taken() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(decode_to_worker, lambda _: None, lambda: None)
    await channel.open(ours)
    assert channel.waiting == 0
    channel.send(Prepare(1, GatewayKey("a/b"), b"x" * 3_000_000))
    await eventually(lambda: channel.waiting > 1_000_000, "what does not fit the socket")
    said: list[ToWorker] = []
    other = Channel(decode_to_worker, said.append, lambda: None)
    await other.open(theirs)
    await eventually(lambda: channel.waiting == 0, "it to be taken")
    channel.close()
    other.close()
