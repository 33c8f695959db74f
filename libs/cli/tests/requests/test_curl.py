"""Commands of curl, read as curl would send them."""

from __future__ import annotations

import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from microgateway_cli.requests.curl import read_curl
from microgateway_cli.requests.errors import RequestInputError
from microgateway_inspection.explain.explain import Received

CLIENT = "192.0.2.1"


def read(command: str) -> Received:
    return read_curl(command, CLIENT)


def header(request: Received, name: bytes) -> list[bytes]:
    return [value for each, value in request.headers if each == name]


def test_a_url_alone() -> None:
    request = read("curl https://shop.example/a?b=c#d")
    assert (request.method, request.target, request.body) == ("GET", b"/a?b=c", b"")
    assert header(request, b"host") == [b"shop.example"]
    assert header(request, b"user-agent") == [b"curl/8.0"]


@pytest.mark.parametrize(
    ("command", "method", "target", "body", "content_type"),
    [
        ("curl a/p -d x=1 -d y=2", "POST", b"/p", b"x=1&y=2", b"application/x-www-form-urlencoded"),
        ("curl a/p -XPUT --data-raw @x", "PUT", b"/p", b"@x", b"application/x-www-form-urlencoded"),
        ("curl a/p -sSXPATCH -d x", "PATCH", b"/p", b"x", b"application/x-www-form-urlencoded"),
        ("curl a/p --request=DELETE", "DELETE", b"/p", b"", None),
        ("curl -G a/p?z=0 -d x=1 --data-urlencode 'q=a b&c'", "GET", b"/p?z=0&x=1&q=a+b%26c", b"", None),
        ("curl a --data-urlencode '=a=b' --data-urlencode 'c d'", "POST", b"/", b"a%3Db&c+d",
         b"application/x-www-form-urlencoded"),
        ("curl a --json '{\"a\":' --json '1}'", "POST", b"/", b'{"a":1}', b"application/json"),
        ("curl -I a/p", "HEAD", b"/p", b"", None),
        ("curl a -d x -H 'Content-Type: text/plain'", "POST", b"/", b"x", b"text/plain"),
        ("curl --url a/p -o out -m 5 -k", "GET", b"/p", b"", None),
    ],
)  # fmt: skip
def test_data(command: str, method: str, target: bytes, body: bytes, content_type: bytes | None) -> None:
    request = read(command)
    assert (request.method, request.target, request.body) == (method, target, body)
    assert header(request, b"content-type") == ([content_type] if content_type else [])


def test_headers() -> None:
    request = read(
        "curl a -H 'X-A: 1' -H 'X-A: 2' -H 'X-Empty;' -H 'Accept:' -b 'a=1; b=2' -u me:pw -A agent -e r"
    )
    assert header(request, b"x-a") == [b"1", b"2"]
    assert header(request, b"x-empty") == [b""]
    assert header(request, b"accept") == []
    assert header(request, b"cookie") == [b"a=1; b=2"]
    assert header(request, b"authorization") == [b"Basic bWU6cHc="]
    assert header(request, b"user-agent") == [b"agent"]
    assert header(request, b"referer") == [b"r"]


def test_credentials_of_the_url() -> None:
    request = read("curl http://me:pw@shop.example:81/")
    assert header(request, b"authorization") == [b"Basic bWU6cHc="]
    assert header(request, b"host") == [b"shop.example:81"]


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "data.txt"
    file.write_bytes(b"a\r\nb\n")
    assert read(f"curl a -d @{file}").body == b"ab"
    assert read(f"curl a --data-binary @{file}").body == b"a\r\nb\n"
    assert read(f"curl a --data-urlencode n@{file}").body == b"n=a%0D%0Ab%0A"


def test_forms(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"PNG")
    request = read(f"curl a -F note=hello -F 'f=@{file};type=image/png' -F t=<{file} --form-string s=@x")
    (content_type,) = header(request, b"content-type")
    boundary = content_type.partition(b"boundary=")[2]
    parts = request.body.split(b"--" + boundary + b"\r\n")[1:]
    assert parts[0] == b'Content-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    assert b'name="f"; filename="a.png"\r\nContent-Type: image/png\r\n\r\nPNG' in parts[1]
    assert parts[2].endswith(b"\r\n\r\nPNG\r\n")
    assert b"@x" in parts[3]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("wget a", "begins with curl"),
        ("curl", "one URL"),
        ("curl a b", "one URL"),
        ("curl a -X", "an argument of -X"),
        ("curl a --upload-file x", "known here, got upload-file"),
        ("curl a -T x", "known here, got upload-file"),
        ("curl a -d @/no/such/file", "No such file"),
        ("curl a -H nonsense", "expected a header"),
        ("curl a -b jar.txt", "a file of cookies"),
        ("curl a -F nonsense", "expected a part"),
        ("curl ftp://a/b", "starts with / or http"),
    ],
)
def test_what_cannot_be_read_says_why(command: str, message: str) -> None:
    with pytest.raises(RequestInputError, match=message):
        read(command)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_real_curl_sends_the_same() -> None:
    seen: list[tuple[str, str, bytes, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.command, self.path, body, self.headers["Content-Type"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/a%2Fb?q=1"
        for arguments in (
            ["-d", "a=1", "--data-urlencode", "b=x y&ü"],
            ["--json", '{"a": "ü"}'],
            ["--data-raw", "@a", "-H", "Content-Type: text/plain"],
        ):
            subprocess.run(["curl", "-s", url, *arguments], check=True, timeout=20)
            quoted = " ".join(f"'{each}'" for each in arguments)
            request = read(f"curl -s '{url}' {quoted}")
            (content_type,) = header(request, b"content-type")
            ours = (request.method, request.target.decode(), request.body, content_type.decode())
            assert seen[-1] == ours
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
