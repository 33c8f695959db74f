"""The config-api as commands ask it.

In a cluster it is reached through a port-forward:
`kubectl -n microgateway-system port-forward deploy/microgateway-config-api 8090`.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx

from . import tokens
from .port_forward import PortForwardError, forwarded
from .tokens import MAKE_ONE, GivenToken, KubeconfigToken, TokenError, Tokens

#: Where the config-api is in a cluster.
SYSTEM_NAMESPACE = "microgateway-system"

DEFAULT_SERVER = "http://127.0.0.1:8090"

#: Seconds to wait for an answer.
TIMEOUT = 10.0

#: Seconds without a byte after which a stream counts as dead; the server breaks its silence every 15.
SILENCE = 45.0

#: Rows on a page of a list.
PAGE = 1000


class ConfigApiError(Exception):
    """The config-api did not answer, or not as it should; in words for people."""


class RefusedError(ConfigApiError):
    """It answered with an error. kind: the last part of the problem's `type`, `unknown-gateway`."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """WHATWG HTML, section 9.2.6. id: empty when the server gave none."""

    event: str
    data: str
    id: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--server`, and where its token is."""
    parser.add_argument(
        "--server",
        default=os.environ.get("MICROGATEWAY_SERVER") or None,
        metavar="URL",
        help=f"of the config-api, else MICROGATEWAY_SERVER (default: {DEFAULT_SERVER}, as a kubectl plugin "
        "that of the cluster)",
    )
    tokens.add_arguments(parser)
    parser.set_defaults(forward=False, system_namespace=SYSTEM_NAMESPACE)


@contextmanager
def connect(arguments: argparse.Namespace) -> Generator[ConfigApi]:
    """As `add_arguments` was told; through a port-forward when there is no --server and `forward`.

    Raises ConfigApiError.
    """
    with ExitStack() as stack:
        url = arguments.server or DEFAULT_SERVER
        try:
            if arguments.server is None and arguments.forward:
                way = forwarded(arguments.system_namespace, arguments.kubeconfig, arguments.context)
                url = stack.enter_context(way)
            yield stack.enter_context(ConfigApi(url, tokens.tokens(arguments)))
        except (TokenError, PortForwardError) as error:
            raise ConfigApiError(str(error)) from error


class ConfigApi:
    """Use it as a context manager. Every method raises ConfigApiError, of which RefusedError is an answer.

    A kubeconfig's token is sent only to a server that asks for one.
    """

    def __init__(self, url: str, asking: Tokens) -> None:
        try:
            self.url = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigApiError(f"{url}: expected the URL of the config-api, got {error}") from error
        self._asking = asking
        on_this_machine = _is_loopback(self.url.host)
        self.sends_kubeconfig_tokens = on_this_machine or self.url.scheme == "https"
        self._http = httpx.Client(
            base_url=self.url, timeout=TIMEOUT, trust_env=not on_this_machine, follow_redirects=False
        )
        if isinstance(asking, GivenToken):
            self._authorise(asking.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """path: below /api/v1, `gateways/shop/webshop`."""
        return self._object("GET", path, query or {})

    def post(self, path: str, body: Any, query: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """body: what JSON can say."""
        return self._object("POST", path, query or {}, json.dumps(body).encode())

    def all(self, noun: str, query: Mapping[str, str | int] | None = None) -> list[dict[str, Any]]:
        """The items of every page of a list."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(noun, {**(query or {}), "limit": PAGE, "offset": len(found)})
            try:
                found += page["items"]
                if not page["items"] or len(found) >= page["total"]:
                    return found
            except (KeyError, TypeError) as error:
                raise self._unexpected(f"a list without {error}") from error

    def events(self, path: str, query: Mapping[str, str | int] | None = None) -> Iterator[ServerSentEvent]:
        """Server-sent events until the server ends the stream."""
        with self._answer("GET", path, query or {}, None, httpx.Timeout(TIMEOUT, read=SILENCE)) as answer:
            yield from _events(answer.iter_lines())

    def _object(
        self, method: str, path: str, query: Mapping[str, str | int], body: bytes | None = None
    ) -> dict[str, Any]:
        with self._answer(method, path, query, body, httpx.Timeout(TIMEOUT)) as answer:
            try:
                found = json.loads(answer.read())
            except ValueError as error:
                raise self._unexpected("what is not JSON") from error
        if not isinstance(found, dict):
            raise self._unexpected(f"JSON that is no object: {type(found).__name__}")
        return found

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int],
        body: bytes | None,
        timeout: httpx.Timeout,
    ) -> Generator[httpx.Response]:
        """A good one, not yet read."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = self._http.build_request(
            method, f"/api/v1/{path}", params=dict(query), content=body, headers=headers, timeout=timeout
        )
        try:
            answer = self._http.send(request, stream=True)
            if answer.status_code == HTTPStatus.UNAUTHORIZED and self._authorise_by_kubeconfig():
                answer.close()
                request.headers["Authorization"] = self._http.headers["Authorization"]
                answer = self._http.send(request, stream=True)
            try:
                if answer.status_code != HTTPStatus.OK:
                    answer.read()
                    raise self._refused(answer)
                yield answer
            finally:
                answer.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unexpected(str(error) or type(error).__name__) from error

    def _authorise(self, token: str) -> None:
        self._http.headers["Authorization"] = f"Bearer {token}"

    def _authorise_by_kubeconfig(self) -> bool:
        """Whether there is something to try that was not tried yet."""
        if not isinstance(self._asking, KubeconfigToken) or not self.sends_kubeconfig_tokens:
            return False
        if "Authorization" in self._http.headers:
            return False
        try:
            token = self._asking.read()
        except TokenError as error:
            raise ConfigApiError(str(error)) from error
        if token is not None:
            self._authorise(token)
        return token is not None

    def _refused(self, answer: httpx.Response) -> ConfigApiError:
        try:
            problem = answer.json()
            kind, detail = str(problem["type"]).rpartition(":")[2], str(problem["detail"])
            near = [str(each) for each in problem.get("near", ())]
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._unexpected(f"status {answer.status_code} without a reason")
        if near:
            detail += f"; there is {', '.join(near)}"
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            detail += f"; give --token-file or {tokens.VARIABLE}: {MAKE_ONE}"
        return RefusedError(answer.status_code, kind, f"{self.url}: {detail}")

    def _unexpected(self, got: str) -> ConfigApiError:
        return ConfigApiError(f"{self.url}: expected the config-api, got {got}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _events(lines: Iterator[str]) -> Iterator[ServerSentEvent]:
    event, number = "message", ""
    data: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data or event != "message":
                yield ServerSentEvent(event, "\n".join(data), number)
            event, data = "message", []
        elif name == "event":
            event = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            number = value
