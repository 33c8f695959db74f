"""Headers that are the engine's own, whatever header rewrites say.

Those that concern one connection (RFC 9110, section 7.6.1), that frame a message or name its host, and
Expect, which the engine answers itself. A second one of these would be request smuggling.
"""

from __future__ import annotations

from typing import Final

#: Names in lower case.
MANAGED_HEADERS: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
