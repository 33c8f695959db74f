"""nginx, haproxy and Microgateway before one application, each with a door for every protocol.

All three keep connections to the application alive, set X-Forwarded-For and X-Forwarded-Proto, log every
request, and pass bodies on as they come. One process or worker each, on the subject's CPU.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from bench.dataplane.certificates import Certificate
from bench.dataplane.doors import HAPROXY, NGINX, OFF, ON, Door, Front, Protocol
from bench.peers import microgateway
from bench.peers.nginx import BODY, MEDIA_TYPE, PATIENCE, nginx
from bench.processes import Cpus, accepts, await_true, free_address, running
from microgateway_common.settings import Address

LARGE = 1 << 20

#: That nginx has room for, at both ends.
CONNECTIONS = 16_384

_APPLICATION = """\
    access_log off;
    upstream itself {{ server {listen}; keepalive 64; }}
    server {{
        listen {listen};
        location / {{
            default_type {media_type};
            return 200 '{body}';
        }}
        location ~ /large$ {{
            default_type application/octet-stream;
            root {folder};
            try_files /large.bin =404;
        }}
        # `return` alone would answer before it has read the body.
        location ~ /upload$ {{
            rewrite ^ /small break;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
            proxy_http_version 1.1;
            proxy_pass http://itself;
        }}
    }}
"""

# Access lines gather for 100 ms before they are written, as Microgateway's do. Bodies are not gathered in
# memory or on disk: the others stream them as well.
_NGINX = """\
    access_log {folder}/access.log combined buffer=64k flush=100ms;
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    upstream application {{
        server {upstream};
        keepalive 64;
        keepalive_requests 1000000000;
        keepalive_timeout 300s;
    }}
    server {{
        listen {http1} backlog=4096;
        listen {http2} http2 backlog=4096;
        listen {tls} ssl http2 backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
"""

_HAPROXY = """\
global
    maxconn 8000
    nbthread 1
    log stdout format raw local0
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    log global
    option httplog
    option forwardfor
    timeout connect 10s
    timeout client 300s
    timeout server 300s
    timeout http-keep-alive 300s
frontend clients
    bind {cleartext} backlog 4096
    bind {tls} backlog 4096 ssl crt {both} alpn h2,http/1.1
    http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
    http-request set-header X-Forwarded-Proto http unless {{ ssl_fc }}
    default_backend application
backend application
    http-reuse always
    server application {upstream} pool-max-conn 64
"""


@contextlib.contextmanager
def application(folder: Path, cpu: int) -> Iterator[Address]:
    """`…/small` and anything else: BODY; `…/large`: LARGE bytes; `…/upload`: BODY after the whole request."""
    listen = free_address()
    (folder / "large.bin").write_bytes(bytes(range(256)) * (LARGE // 256))
    (folder / "large.bin").chmod(0o644)
    http = _APPLICATION.format(listen=listen, media_type=MEDIA_TYPE, body=BODY.decode(), folder=folder)
    with nginx("application", folder, cpu, http) as process:
        await_true("a listener", process, lambda: accepts(listen), PATIENCE)
        yield listen


@contextlib.contextmanager
def plain_nginx(folder: Path, cpu: int, upstream: Address, shown: Certificate) -> Iterator[Front]:
    http1, http2, tls = free_address(), free_address(), free_address()
    http = _NGINX.format(
        folder=folder,
        upstream=upstream,
        http1=http1,
        http2=http2,
        tls=tls,
        certificate=shown.certificate,
        key=shown.key,
    )
    with nginx(NGINX, folder, cpu, http, connections=CONNECTIONS) as process:
        await_true("a listener", process, lambda: accepts(tls), PATIENCE)
        log = folder / "access.log"
        doors = {
            Protocol.HTTP1: Door(http1, process, log),
            Protocol.HTTP2: Door(http2, process, log),
            Protocol.TLS_HTTP1: Door(tls, process, log),
            Protocol.TLS_HTTP2: Door(tls, process, log),
        }
        yield Front(NGINX, doors, "/open", 200)


@contextlib.contextmanager
def haproxy(folder: Path, cpu: int, upstream: Address, shown: Certificate) -> Iterator[Front]:
    cleartext, tls = free_address(), free_address()
    configuration, log = folder / "haproxy.cfg", folder / "access.log"
    configuration.write_text(
        _HAPROXY.format(cleartext=cleartext, tls=tls, both=shown.both, upstream=upstream)
    )
    with running(HAPROXY, ["haproxy", "-db", "-f", str(configuration)], cpu, log) as process:
        await_true("a listener", process, lambda: accepts(tls), PATIENCE)
        yield Front(HAPROXY, _doors(Door(cleartext, process, log), Door(tls, process, log)), "/open", 200)


@contextlib.contextmanager
def both_engines(
    folder: Path, cpus: Cpus, upstream: Address, shown: Certificate, cache: Path
) -> Iterator[tuple[Front, Front]]:
    """With inspection off and on: the same two engines, one for cleartext and one for TLS."""
    for each in ("control-plane", "cleartext", "tls"):
        (folder / each).mkdir()
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        secret = {"secret.yaml": _secret(shown)}
        control = enter(microgateway.control_plane(folder / "control-plane", cpus.rest, "dataplane", secret))
        engines = [
            enter(microgateway.engine(folder / name, cpus.subject, upstream, control, cache, port))
            for name, port in (("cleartext", 8080), ("tls", 8443))
        ]
        doors = _doors(
            *(Door(each.peer.address, each.peer.process, each.peer.access_log) for each in engines)
        )
        yield Front(OFF, doors, "/open", 200), Front(ON, doors, "/inspected", 400)


def _doors(cleartext: Door, tls: Door) -> dict[Protocol, Door]:
    return {each: tls if each.tls else cleartext for each in Protocol}


def _secret(shown: Certificate) -> str:
    """A manifest; JSON is YAML."""
    data = {
        file.name: base64.b64encode(file.read_bytes()).decode() for file in (shown.certificate, shown.key)
    }
    metadata = {"name": "bench-certificate", "namespace": "bench"}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": metadata,
            "data": data,
        }
    )
