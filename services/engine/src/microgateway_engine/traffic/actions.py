"""What an exchange says is to be done next."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from microgateway_engine.http.messages import Framing, Headers, Trailers

from .replies import Reply


class Forward(Struct):
    """What the application is sent: the head, and what there is of the body by now.

    headers: without host. framing: where the body ends on its way; of a known length when headers say one.
    complete: nothing follows. upgrade: it asks for WebSocket. websocket_key: of the gateway's own handshake,
    should the application speak HTTP/1.1; empty when the client's is among the headers.
    """

    method: str
    target: bytes
    authority: bytes
    scheme: bytes
    headers: Headers
    framing: Framing
    body: bytes
    complete: bool
    trailers: Trailers = ()
    upgrade: bool = False
    websocket_key: bytes = b""


class PassOn(Struct, frozen=True):
    """What was given goes to the application as it is."""


class Hold(Struct, frozen=True):
    """Nothing for the application yet."""


class CutOff(Struct, frozen=True):
    """The response has begun and cannot be replaced: the client must see that it is not whole."""


Action = Reply | Forward | PassOn | Hold | CutOff
PASS_ON: Final = PassOn()
HOLD: Final = Hold()
CUT_OFF: Final = CutOff()
