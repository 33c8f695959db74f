"""A real gRPC service and its clients, in all four kinds of call, with the gateway between them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent import futures

import engine_configurations as configurations
import grpc
import pytest
from running_gateway import StartGateway

from microgateway_common.ir.gateway import Http2Protocol
from microgateway_common.settings import Address

H2 = Http2Protocol(allow_connect=False)


class Shop(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc ships no types
    """Methods by name; messages are bytes."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        match details.method:
            case "/shop.Shop/Echo":
                return grpc.unary_unary_rpc_method_handler(self._echo)
            case "/shop.Shop/Count":
                return grpc.unary_stream_rpc_method_handler(self._count)
            case "/shop.Shop/Sum":
                return grpc.stream_unary_rpc_method_handler(self._sum)
            case "/shop.Shop/Talk":
                return grpc.stream_stream_rpc_method_handler(self._talk)
            case "/shop.Shop/Fail":
                return grpc.unary_unary_rpc_method_handler(self._fail)
            case "/shop.Shop/Wait":
                return grpc.unary_unary_rpc_method_handler(self._wait)
        return None

    def _echo(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        sent = dict(context.invocation_metadata())
        context.set_trailing_metadata((("x-seen", str(sent.get("x-mine", ""))),))
        return message

    def _count(self, message: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        for number in range(int(message)):
            yield b"%d" % number

    def _sum(self, messages: Iterator[bytes], _context: grpc.ServicerContext) -> bytes:
        return b"%d" % sum(len(message) for message in messages)

    def _talk(self, messages: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
        for message in messages:
            yield message.upper()

    def _fail(self, _message: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such tea")
        return b""

    def _wait(self, _message: bytes, context: grpc.ServicerContext) -> bytes:
        while context.is_active():
            context.time_remaining()
            time.sleep(0.01)
        return b""


@pytest.fixture
def service() -> Iterator[Address]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((Shop(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield Address("127.0.0.1", port)
    server.stop(0).wait(5)


@pytest.fixture
async def channel(service: Address, start_gateway: StartGateway) -> AsyncIterator[grpc.Channel]:
    application = configurations.application(upstream_protocol=H2)
    gateway = await start_gateway(service, configurations.gateway_config(application))
    with grpc.insecure_channel(str(gateway.address), options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield channel


async def test_one_message_each_way(channel: grpc.Channel) -> None:
    def call() -> tuple[bytes, dict[str, str]]:
        answer, state = channel.unary_unary("/shop.Shop/Echo").with_call(
            b"tea" * 1000, metadata=(("x-mine", "1"),), timeout=5
        )
        return answer, dict(state.trailing_metadata())

    answer, trailing = await asyncio.to_thread(call)
    assert answer == b"tea" * 1000
    assert trailing["x-seen"] == "1"


async def test_large_messages(channel: grpc.Channel) -> None:
    message = b"x" * (3 * 1024 * 1024)
    assert await asyncio.to_thread(channel.unary_unary("/shop.Shop/Echo"), message, timeout=20) == message


async def test_a_stream_of_answers(channel: grpc.Channel) -> None:
    call = channel.unary_stream("/shop.Shop/Count")
    answers = await asyncio.to_thread(lambda: list(call(b"1000", timeout=10)))
    assert answers == [b"%d" % number for number in range(1000)]


async def test_a_stream_of_messages(channel: grpc.Channel) -> None:
    call = channel.stream_unary("/shop.Shop/Sum")
    assert await asyncio.to_thread(lambda: call(iter([b"x" * 1000] * 500), timeout=10)) == b"500000"


async def test_a_conversation(channel: grpc.Channel) -> None:
    """Each message waits for the answer to the one before: nothing may be held back."""

    def talk() -> list[bytes]:
        heard: list[bytes] = []
        answered = threading.Event()
        answered.set()

        def say() -> Iterator[bytes]:
            for word in (b"green", b"tea", b"please"):
                assert answered.wait(5)
                answered.clear()
                yield word

        for answer in channel.stream_stream("/shop.Shop/Talk")(say(), timeout=10):
            heard.append(answer)
            answered.set()
        return heard

    assert await asyncio.to_thread(talk) == [b"GREEN", b"TEA", b"PLEASE"]


async def test_many_calls_at_once(channel: grpc.Channel) -> None:
    call = channel.unary_unary("/shop.Shop/Echo")

    def all_of_them() -> list[bytes]:
        waiting = [call.future(b"%d" % number, timeout=10) for number in range(200)]
        return [each.result() for each in waiting]

    assert await asyncio.to_thread(all_of_them) == [b"%d" % number for number in range(200)]


async def test_an_error_is_the_services(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        await asyncio.to_thread(channel.unary_unary("/shop.Shop/Fail"), b"", timeout=5)
    assert failed.value.code() is grpc.StatusCode.NOT_FOUND
    assert failed.value.details() == "no such tea"


async def test_an_unknown_method_is_the_services_error(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        await asyncio.to_thread(channel.unary_unary("/shop.Shop/None"), b"", timeout=5)
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_deadline_ends_the_call(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        await asyncio.to_thread(channel.unary_unary("/shop.Shop/Wait"), b"", timeout=0.2)
    assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
