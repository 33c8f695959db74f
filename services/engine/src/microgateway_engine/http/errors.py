"""What is wrong with a message."""

from __future__ import annotations


class ProtocolError(Exception):
    """A message that breaks RFC 9110, 9112 or 9113. In HTTP/1.1 its connection cannot go on.

    status: what a server answers. From a request 400, 411, 413, 414, 431, 501 or 505; a response that
    breaks the protocol makes a gateway answer 502.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
