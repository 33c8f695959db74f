"""The main job end to end on examples/shop, told as it happens. Ends by itself: 0, or 1 naming the step.

microgateway dev ─► good requests ─► attacks ─► a change under load ─► a broken resource ─► metrics, REST
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from microgateway_cli.processes import Child
from microgateway_cli.readable import threat

ROOT = Path(__file__).resolve().parent.parent

#: Seconds in which each expected thing must happen.
PATIENCE = 20.0

BOLD, RESET = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


class StepError(Exception):
    """What was expected and what came."""


def expect(condition: bool, expected: str, got: object) -> None:
    if not condition:
        raise StepError(f"expected {expected}, got {got}")


@dataclass
class Demo:
    """The chain under demonstration. lines: what its services have logged."""

    manifests: Path
    chain: Child
    gateway: httpx.AsyncClient
    config_api: httpx.AsyncClient
    metrics: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)

    async def eventually(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := await look():
                return found
            await asyncio.sleep(0.005)
        raise StepError(f"expected {what} within {PATIENCE:g} s, got nothing")

    async def access_line(self, request_id: str) -> dict[str, Any]:
        """The engine's log line of a request."""

        async def find() -> dict[str, Any] | None:
            line: dict[str, Any]
            for line in reversed(self.lines):
                request = line.get("http", {}).get("request", {})
                if request.get("id") == request_id:
                    return line
            return None

        found: dict[str, Any] = await self.eventually(find, f"a log line for request {request_id}")
        return found


# The steps


async def good_requests(demo: Demo) -> None:
    """Harmless requests reach the shop"""
    for text, answer in (
        ("GET  /products?q=O'Brien", await demo.gateway.get("/products", params={"q": "O'Brien"})),
        ("POST /orders (JSON)", await demo.gateway.post("/orders", json={"name": "moka pot", "count": 2})),
        ("POST /feedback (form)", await demo.gateway.post("/feedback", data={"text": "select two & try"})),
    ):
        print(f"  {answer.status_code}  {text}")
        expect(answer.is_success, "200 or 201", f"{answer.status_code} for {text}")


async def attacks(demo: Demo) -> None:
    """Attacks are refused, and the log says why"""
    sql = "' UNION SELECT password FROM users--"
    for text, answer in (
        ("SQL in the query", await demo.gateway.get("/products", params={"q": sql})),
        ("script in a form", await demo.gateway.post("/feedback", data={"text": "<script>steal()</script>"})),
        ("command in JSON", await demo.gateway.post("/orders", json={"note": "x; cat /etc/passwd"})),
        ("traversal in the path", await demo.gateway.get("/files/..%2f..%2f..%2fetc%2fpasswd")),
    ):
        expect(answer.status_code == 400, "400", f"{answer.status_code} for {text}")
        line = await demo.access_line(answer.headers["x-request-id"])
        print(f"  400  {text}, request id {answer.headers['x-request-id']}")
        print(f"       {threat(line['airlock']['actions']['block']['details'])}")


async def tighten_under_load(demo: Demo) -> None:
    """A tightened resource takes effect while requests flow"""
    done = failed = 0
    stop = asyncio.Event()

    async def client() -> None:
        nonlocal done, failed
        while not stop.is_set():
            try:
                answer = await demo.gateway.get("/products", params={"q": "cup"})
            except httpx.HTTPError:
                failed += 1
                continue
            done += 1
            failed += not answer.is_success

    clients = [asyncio.create_task(client()) for _ in range(4)]
    try:
        await asyncio.sleep(0.5)
        deep = json.loads("[" * 15 + "]" * 15)
        before = await demo.gateway.post("/orders", json=deep)
        expect(before.is_success, "15 levels of JSON to pass at first", before.status_code)
        limits = demo.manifests / "limits.yaml"
        text = limits.read_text().replace("nestingDepth: 20", "nestingDepth: 10")
        saved = time.perf_counter()
        limits.write_text(text)

        async def refused() -> bool:
            return (await demo.gateway.post("/orders", json=deep)).status_code == httpx.codes.BAD_REQUEST

        await demo.eventually(refused, "the tightened limit to take effect")
        took = (time.perf_counter() - saved) * 1e3
        await asyncio.sleep(0.5)
    finally:
        stop.set()
        await asyncio.gather(*clients)
    print(f"  limits.yaml: nestingDepth 20 -> 10 in effect {took:.0f} ms after it was saved")
    print(f"  {done} requests meanwhile, {failed} failed")
    expect(done > 0 and failed == 0, "requests meanwhile and none failed", f"{failed} of {done} failed")
    demo.summary.append(f"saved to effect {took:.0f} ms, {done} requests meanwhile, {failed} failed")


async def break_a_resource(demo: Demo) -> None:
    """A broken resource is named, and traffic goes on"""
    rules = demo.manifests / "deny-rules.yaml"
    good = rules.read_text()
    rules.write_text(good.replace("level: Standard", "level: Paranoid"))

    async def problem() -> dict[str, Any] | None:
        status = (await demo.config_api.get("/api/v1/gateways/shop/shop")).json()
        found: list[dict[str, Any]] = status["problems"]
        # The object at fault comes with one that says whose reference to it is broken.
        return next((each for each in found if each["reason"] != "BrokenReference"), None)

    found = await demo.eventually(problem, "a problem in the gateway's status")
    print(f"  config-api: {found['subject']['kind']} {found['subject']['name']}: {found['field']}:")
    print(f"              expected {found['expected']}, got {found['got']}")
    answer = await demo.gateway.get("/products")
    print(f"  {answer.status_code}  GET /products: the last good configuration serves")
    expect(answer.is_success, "200 in the meantime", answer.status_code)
    rules.write_text(good)

    async def repaired() -> bool:
        return await problem() is None

    await demo.eventually(repaired, "the problem to go away once repaired")
    print("  repaired, and the problem is gone")


async def show_metrics(demo: Demo) -> None:
    """Metrics count it"""
    async with httpx.AsyncClient() as client:
        text = (await client.get(demo.metrics)).text
    wanted = (
        "microgateway_http_downstream_rq_threats_blocked_total{",
        "envoy_http_downstream_rq_xx{",
        "microgateway_config_applied_total",
    )
    shown = [line for line in text.splitlines() if line.startswith(wanted) and not line.endswith(" 0.0")]
    expect(any("threats_blocked" in line for line in shown), "blocked threats to be counted", shown)
    print(*(f"  {line}" for line in shown), sep="\n")


async def show_config_api(demo: Demo) -> None:
    """The config-api shows what is configured and what is live"""

    async def in_sync() -> dict[str, Any] | None:
        status: dict[str, Any] = (await demo.config_api.get("/api/v1/gateways/shop/shop")).json()
        return status if status["pods"] and all(pod["in_sync"] for pod in status["pods"]) else None

    status = await demo.eventually(in_sync, "the engine to be in sync")
    pods = ", ".join(pod["name"] for pod in status["pods"])
    print(f"  gateway shop/shop: {status['phase']}, engines in sync: {pods}")
    for condition in status["conditions"]:
        print(f"    {condition['type']:<24} {condition['status']:<8} {condition['message']}")
    configuration = (await demo.config_api.get("/api/v1/gateways/shop/shop/configuration")).json()
    print(f"  configuration {configuration['digest'][:19]}…, generation {configuration['generation']}")


STEPS = (good_requests, attacks, tighten_under_load, break_a_resource, show_metrics, show_config_api)


# The recipe


async def follow(chain: Child, lines: list[dict[str, Any]], ready: asyncio.Future[list[str]]) -> None:
    """Collect JSON lines; the others, up to the one that says ready, announce addresses."""
    plain: list[str] = []
    async for text in chain.lines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            plain.append(text)
            if text.startswith("ready ") and not ready.done():
                ready.set_result(plain)
    if not ready.done():
        ready.set_exception(StepError("expected the chain to get ready, got:\n" + "\n".join(plain)))


async def run(scratch: Path) -> int:
    manifests = scratch / "shop"
    shutil.copytree(ROOT / "examples" / "shop", manifests)
    started = time.perf_counter()
    print(f"{BOLD}Starting Redis, reconciler, engine, config-api and a demo shop on examples/shop{RESET}")
    command = [str(Path(sys.executable).with_name("microgateway")), "dev", str(manifests), "--json"]
    chain = await Child.start("dev", command, {})
    lines: list[dict[str, Any]] = []
    ready: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    reader = asyncio.create_task(follow(chain, lines, ready))
    step = "starting the chain"
    try:
        async with asyncio.timeout(60):
            announced = await ready
        took = time.perf_counter() - started
        print(f"  {announced[-1]}, after {took:.1f} s")
        gateway = announced[-1].split()[1]
        _, config_api, _, metrics = announced[-2].replace(",", "").split()
        async with (
            httpx.AsyncClient(base_url=gateway, timeout=10) as gateway_client,
            httpx.AsyncClient(base_url=config_api, timeout=10) as config_client,
        ):
            demo = Demo(manifests, chain, gateway_client, config_client, metrics, lines)
            for number, play in enumerate(STEPS, 1):
                step = (play.__doc__ or play.__name__).strip()
                print(f"{BOLD}{number}. {step}{RESET}")
                await play(demo)
    except (StepError, httpx.HTTPError, TimeoutError, KeyError, ValueError) as error:
        print(f"\nFAILED at: {step}\n  {type(error).__name__}: {error}", file=sys.stderr)
        for line in lines[-10:]:
            print(f"  {json.dumps(line)[:300]}", file=sys.stderr)
        return 1
    finally:
        await chain.stop(PATIENCE)
        with contextlib.suppress(StepError):
            await reader
    print(f"\n{BOLD}All {len(STEPS)} steps done{RESET}: {'; '.join(demo.summary)}")
    return 0


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="microgateway-demo-") as scratch:
        sys.exit(asyncio.run(run(Path(scratch))))


if __name__ == "__main__":
    main()
