"""The parsers of common servers, each as a function from bytes to the pairs that an application gets.

What a server refuses gives no pairs: nothing reaches the application.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request as WerkzeugRequest

#: Name and value as text; of a file its name and file name.
Pairs = list[tuple[str, str]]
Server = Callable[[bytes, str], Pairs]

FORM: Final = "application/x-www-form-urlencoded"


def standard_library(body: bytes, content_type: str) -> Pairs:
    """urllib for forms, as Django and CGI programs do; the email parser for multipart, as `cgi` did."""
    if content_type == FORM:
        return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    return [_disposition(part) for part in message.walk() if not part.is_multipart()]


def _disposition(part: Message) -> tuple[str, str]:
    name = part.get_param("name", "", "content-disposition")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return str(name), part.get_filename() or content.decode("utf-8", "replace")


class _InMemory(WerkzeugRequest):
    def _get_file_stream(self, *_args: object, **_options: object) -> BytesIO:
        return BytesIO()


def werkzeug(body: bytes, content_type: str) -> Pairs:
    request = _InMemory(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
    )
    try:
        files = [(name, each.filename or "") for name, each in request.files.items(multi=True)]
        return [*request.form.items(multi=True), *files]
    except (HTTPException, UnicodeDecodeError, ValueError):
        return []


def starlette(body: bytes, content_type: str) -> Pairs:
    async def stream() -> AsyncIterator[bytes]:
        yield body

    async def parse() -> Pairs:
        headers = Headers({"content-type": content_type})
        parser = FormParser if content_type == FORM else MultiPartParser
        form = await parser(headers, stream()).parse()  # type: ignore[arg-type]
        items = form.multi_items()
        await form.close()
        return [
            (name, (value.filename or "") if isinstance(value, UploadFile) else value)
            for name, value in items
        ]

    try:
        return asyncio.run(parse())
    except (MultiPartException, KeyError, LookupError, UnicodeDecodeError):
        return []


class Node:
    """A Node.js process that parses on request."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def parse(self, parser: str, body: bytes, content_type: str = "") -> Pairs:
        request = {"parser": parser, "type": content_type, "body": base64.b64encode(body).decode()}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return [(name, value) for name, value in answer.get("pairs", [])]


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    command = shutil.which("node")
    if command is None:
        pytest.skip("Node.js is not installed")
    script = Path(__file__).with_name("servers.mjs")
    with subprocess.Popen(
        [command, "--no-warnings", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield Node(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


@pytest.fixture(scope="session")
def form_servers(node: Node) -> dict[str, Server]:
    """Of forms and, but for the names, of query strings."""
    return {
        "urllib": standard_library,
        "werkzeug": werkzeug,
        "starlette": starlette,
        "node querystring": lambda body, _type: node.parse("querystring", body),
        "node URLSearchParams": lambda body, _type: node.parse("URLSearchParams", body),
        "node formData": lambda body, content_type: node.parse("formData", body, content_type),
    }


@pytest.fixture(scope="session")
def multipart_servers(node: Node) -> dict[str, Server]:
    return {
        "email": standard_library,
        "werkzeug": werkzeug,
        "starlette": starlette,
        "node formData": lambda body, content_type: node.parse("formData", body, content_type),
    }
