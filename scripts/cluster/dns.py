"""The cluster's DNS server, on the node itself: answers from the Services and Endpoints that the API has.

    SERVICE.NAMESPACE.svc.DOMAIN        its cluster IP; of a headless service the ready endpoints' addresses
    HOST.SERVICE.NAMESPACE.svc.DOMAIN   one endpoint of a headless service
    any other name                      NXDOMAIN, at once

A records only; AAAA is always empty. Over UDP and TCP (RFC 1035).

    dns.py --listen ADDRESS --domain DOMAIN --api URL --authority PEM --certificate PEM --key PEM
    dns.py --listen ADDRESS --query NAME      asks such a server; exit 0 when it answers with an address
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

A = 1
NO_ERROR, SERVER_FAILURE, NAME_ERROR = 0, 2, 3
SECONDS_TO_LIVE = 1


class Store:
    """What the API has of one resource, by namespace and name; `synced` once it was listed."""

    def __init__(self) -> None:
        self.synced = False
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}

    def follow(self, options: argparse.Namespace, path: str) -> None:
        """List and watch for ever; after an error, again."""
        tls = ssl.create_default_context(cafile=options.authority)
        tls.load_cert_chain(options.certificate, options.key)
        url = urlsplit(options.api)

        def get(query: str = "") -> http.client.HTTPResponse:
            connection = http.client.HTTPSConnection(url.hostname or "", url.port, context=tls, timeout=330)
            connection.request("GET", path + query)
            response = connection.getresponse()
            if response.status != 200:
                raise OSError(f"HTTP {response.status} {response.read(200)!r}")
            return response

        while True:
            try:
                listed = json.load(get())
                self.objects = {_key(each): each for each in listed["items"]}
                self.synced = True
                version = listed["metadata"]["resourceVersion"]
                for line in get(f"?watch=1&timeoutSeconds=300&resourceVersion={version}"):
                    event = json.loads(line)
                    if event["type"] == "DELETED":
                        self.objects.pop(_key(event["object"]), None)
                    elif event["type"] == "ERROR":
                        break
                    else:
                        self.objects[_key(event["object"])] = event["object"]
            except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
                print(f"{path}: {error}", file=sys.stderr, flush=True)
            time.sleep(0.5)


SERVICES, ENDPOINTS = Store(), Store()


def look_up(name: str, domain: str) -> tuple[int, list[str]]:
    """Response code and addresses of a name in lower case, without the final dot."""
    if not name.endswith(f".svc.{domain}"):
        return NAME_ERROR, []
    if not (SERVICES.synced and ENDPOINTS.synced):
        return SERVER_FAILURE, []
    *host, service, namespace = ["", *name.removesuffix(f".svc.{domain}").split(".")][-3:]
    found = SERVICES.objects.get((namespace, service))
    if found is None:
        return NAME_ERROR, []
    address = found["spec"].get("clusterIP", "None")
    if address != "None":
        return (NAME_ERROR, []) if any(host) else (NO_ERROR, [address])
    ready = [
        each["ip"]
        for subset in ENDPOINTS.objects.get((namespace, service), {}).get("subsets") or []
        for each in subset.get("addresses") or []
        if not any(host) or each.get("hostname") == host[0]
    ]
    return (NAME_ERROR if any(host) and not ready else NO_ERROR), sorted(ready)


def answer(packet: bytes, domain: str) -> bytes:
    """Empty for what is no query. Raises IndexError and struct.error for what is no DNS message."""
    identity, flags, count = struct.unpack_from("!HHH", packet)
    if flags & 0x8000 or count != 1:
        return b""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    (type_,) = struct.unpack_from("!H", packet, at + 1)
    code, addresses = look_up(".".join(labels), domain)
    records = [socket.inet_aton(address) for address in addresses] if type_ == A else []
    body = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", A, 1, SECONDS_TO_LIVE, len(each)) + each for each in records
    )
    # 0x8480: a response, authoritative, recursion available; 0x0100: recursion desired, as asked.
    header = struct.pack("!HHHHHH", identity, 0x8480 | flags & 0x0100 | code, 1, len(records), 0, 0)
    return header + packet[12 : at + 5] + body


class OverUdp(socketserver.BaseRequestHandler):
    server: UdpServer

    def handle(self) -> None:
        packet, connection = self.request
        connection.sendto(answer(packet, self.server.domain), self.client_address)


class OverTcp(socketserver.StreamRequestHandler):
    server: TcpServer
    timeout = 10

    def handle(self) -> None:
        while len(head := self.rfile.read(2)) == 2:
            reply = answer(self.rfile.read(struct.unpack("!H", head)[0]), self.server.domain)
            self.wfile.write(struct.pack("!H", len(reply)) + reply)


class UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    domain = ""


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    domain = ""


def ask(address: str, name: str) -> list[str]:
    """The addresses that such a server gives for a name. Raises OSError."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    packet = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", A, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(2)
        connection.connect((address, 53))
        connection.send(packet)
        reply = connection.recv(512)
    (records,) = struct.unpack_from("!H", reply, 6)
    return [socket.inet_ntoa(reply[len(packet) + 16 * n + 12 :][:4]) for n in range(records)]


def serve(options: argparse.Namespace) -> None:
    for store, path in ((SERVICES, "/api/v1/services"), (ENDPOINTS, "/api/v1/endpoints")):
        threading.Thread(target=store.follow, args=(options, path), daemon=True).start()
    udp, tcp = UdpServer((options.listen, 53), OverUdp), TcpServer((options.listen, 53), OverTcp)
    udp.domain = tcp.domain = options.domain
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    udp.serve_forever()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The cluster's DNS server.")
    for name in ("--listen", "--domain", "--api", "--authority", "--certificate", "--key", "--query"):
        parser.add_argument(name, default="")
    options = parser.parse_args(arguments)
    if options.query:
        addresses = ask(options.listen, options.query)
        print(*addresses)
        return 0 if addresses else 1
    serve(options)
    return 0


def _key(found: dict[str, Any]) -> tuple[str, str]:
    return found["metadata"]["namespace"], found["metadata"]["name"]


if __name__ == "__main__":
    sys.exit(main())
