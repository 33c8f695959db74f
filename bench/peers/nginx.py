"""nginx as the application behind every peer, and as a plain proxy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench.processes import Running, accepts, await_true, free_address, running
from microgateway_common.settings import Address

from . import NGINX, Peer

#: What the application answers. Not text/*, which ModSecurity by default inspects in responses as well:
#: Microgateway does not, so neither has to.
BODY = b'{"status":"accepted","reference":"4711-0815","next":"/shop/confirmation"}'
MEDIA_TYPE = "application/json"

#: Seconds until it must listen; ModSecurity reads its rules first.
PATIENCE = 30.0

# Without -e, nginx opens the error log of its package before it has read a configuration.
_MAIN = """\
{modules}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections {connections}; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_max_body_size 16m;
    client_body_buffer_size 2m;
{http}
}}
"""

_APPLICATION = """\
    access_log off;
    server {{
        listen {listen};
        location / {{
            default_type {media_type};
            return 200 '{body}';
        }}
    }}
"""

# Lines gather for 100 ms before they are written: so do Microgateway's, and a write for each request would
# burden nginx alone.
_PROXY = """\
    access_log {folder}/access.log combined buffer=64k flush=100ms;
    upstream application {{
        server {upstream};
        keepalive 64;
        keepalive_requests 1000000000;
        keepalive_timeout 300s;
    }}
    server {{
        listen {listen};
{inspection}
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


@contextlib.contextmanager
def application(folder: Path, cpu: int) -> Iterator[Address]:
    """Where the application listens: 200 and BODY for everything."""
    listen = free_address()
    http = _APPLICATION.format(listen=listen, media_type=MEDIA_TYPE, body=BODY.decode())
    with nginx("application", folder, cpu, http):
        yield listen


@contextlib.contextmanager
def plain(folder: Path, cpu: int, upstream: Address) -> Iterator[Peer]:
    with proxy(NGINX, folder, cpu, upstream, attack_status=200) as peer:
        yield peer


@contextlib.contextmanager
def proxy(
    name: str,
    folder: Path,
    cpu: int,
    upstream: Address,
    attack_status: int,
    modules: str = "",
    inspection: str = "",
    alarms: tuple[Path, ...] = (),
) -> Iterator[Peer]:
    """modules: directives that load some. inspection: directives of the server. alarms: see Peer."""
    listen = free_address()
    http = _PROXY.format(listen=listen, upstream=upstream, folder=folder, inspection=inspection)
    with nginx(name, folder, cpu, http, modules) as process:
        await_true("a listener", process, lambda: accepts(listen), PATIENCE)
        yield Peer(
            name, process, listen, folder / "access.log", attack_status, (folder / "error.log", *alarms)
        )


@contextlib.contextmanager
def nginx(
    name: str, folder: Path, cpu: int, http: str, modules: str = "", connections: int = 1024
) -> Iterator[Running]:
    """http: directives of that block. modules: directives that load some. connections: at most."""
    folder.chmod(0o755)  # the worker is not root
    configuration = folder / "nginx.conf"
    configuration.write_text(_MAIN.format(folder=folder, http=http, modules=modules, connections=connections))
    command = ["nginx", *("-p", str(folder)), *("-c", str(configuration)), *("-e", str(folder / "error.log"))]
    with running(name, command, cpu, folder / "error.log") as process:
        yield process
