"""Whatever a client sends, and wherever it is cut: the same is answered and the same reaches the application,
which another implementation reads as the same requests. The first byte says where the stream is cut."""

from __future__ import annotations

from pathlib import Path

import engine_configurations as configurations
from played_exchanges import play

from microgateway_common.names import Generation
from microgateway_common.wire import Header, digest_of, encode
from microgateway_engine.config.runtime import build
from microgateway_inspection.rule_set import RuleSet

INSTRUMENT = ("microgateway_engine.traffic", "microgateway_engine.http", "microgateway_engine.http1")

SEEDS = (
    b"\x05GET /a?b=c HTTP/1.1\r\nHost:\r\n\r\nGET /%2e%2E//b HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
    b"\x03POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
    b"\x07POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n",
    b'\x09POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a": 12}',
    b"\x0bPOST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    b"\x02GET /?q=%27%20or%201=1-- HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
)

_CACHE = Path(__file__).resolve().parents[3] / "build"
_LONGEST = 4096

_config = configurations.gateway_config()
_header = Header(_config.gateway, Generation(1), digest_of(encode(_config)))
_application = build(_header, _config, RuleSet.load(_CACHE)).applications[configurations.PORT]


def check(data: bytes) -> None:
    stream = data[1:_LONGEST]
    stride = data[0] + 1 if data else 1
    whole = play([stream], _application)
    assert whole == play([stream[at : at + stride] for at in range(0, len(stream), stride)], _application)
    assert whole == play([stream[:stride], stream[stride:]], _application)
