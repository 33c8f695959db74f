"""A small shop to protect: `microgateway dev` without `--upstream`, the compose file and the demo use it.

It answers every request with what it saw of it, and says too much about itself in its headers, as
applications do.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from urllib.parse import parse_qsl, urlsplit

from microgateway_common.settings import Address, address

PRODUCTS = ("espresso cup", "moka pot", "hand grinder", "O'Brien's tea tin", "milk jug")

#: Largest body it reads.
MAX_BODY = 64 * 1024 * 1024


class Shop(BaseHTTPRequestHandler):
    """GET /products?q=…, POST /orders, GET /health; anything else is echoed."""

    protocol_version = "HTTP/1.1"
    server_version = "demo-shop/1.0"
    wbufsize = -1  # one write an answer
    disable_nagle_algorithm = True
    timeout = 60

    def answer(self) -> None:
        body = self._read_body()
        if body is None:
            return
        target = urlsplit(self.path)
        query = parse_qsl(target.query, keep_blank_values=True)
        match target.path:
            case "/health":
                self._send(200, {"status": "ok"})
            case "/products":
                wanted = dict(query).get("q", "").lower()
                self._send(200, {"products": [each for each in PRODUCTS if wanted in each.lower()]})
            case "/orders" if self.command == "POST":
                self._send(201, {"order": "accepted", "bytes": len(body)})
            case _:
                seen = {"method": self.command, "path": target.path, "query": query, "bytes": len(body)}
                self._send(
                    200, seen | {"headers": {key.lower(): value for key, value in self.headers.items()}}
                )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815 - names of http.server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - signature of http.server
        """The engine logs access."""

    def _read_body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces: list[bytes] = []
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(pieces)
        length = int(self.headers.get("Content-Length", "0"))
        if length > MAX_BODY:
            self.close_connection = True
            self._send(413, {"error": f"more than {MAX_BODY} bytes"})
            return None
        return self.rfile.read(length)

    def _send(self, status: int, content: object) -> None:
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Powered-By", "Python")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, listen: Address) -> None:
        self.address_family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        super().__init__(listen, Shop)

    def server_bind(self) -> None:
        # The parent would look up the host's name, which may take seconds where there is no resolver.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]


def main() -> None:
    """`python -m microgateway_cli.demo_application --listen HOST:PORT`"""
    parser = argparse.ArgumentParser(description="A small application to protect.")
    parser.add_argument("--listen", type=address, default=Address("127.0.0.1", 8080), metavar="HOST:PORT")
    listen = parser.parse_args().listen
    # As the first process of a container it would ignore a SIGTERM that nobody handles.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Server(listen) as server:
        print(f"demo application on http://{listen}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
