"""Requests that are larger than most: an upload, many cookies, 100 KiB of JSON, 1 MiB of text.

value: what somebody wrote, and where attacks stand. at: a number in which requests differ.
"""

from __future__ import annotations

import base64
import json
from typing import Final
from urllib.parse import quote, urlencode

BOUNDARY: Final = "----form7MA4YWxk"
MULTIPART: Final = f"multipart/form-data; boundary={BOUNDARY}"

_SENTENCES: Final = (
    "Please leave the parcel with the neighbour; she is at home until 5 o'clock.",
    "We selected two sizes from the list and will update the order on Monday.",
    "The watering can (9 l) arrived, but the lid doesn't fit: could you send another?",
)

#: What somebody wrote, when it is not an attack.
VALUE: Final = _SENTENCES[0]

#: Of the 100 KiB document, which is what Microgateway takes by default. ModSecurity as packaged takes 1,000
#: values, so the entries have four each.
_ENTRIES: Final = 235


def upload(value: str, at: int = 1) -> bytes:
    """Four fields and a file of 9 KB."""
    fields = {"title": f"Invoice {at}", "note": value, "category": "garden", "public": "no"}
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in fields.items()]
    parts.append(
        'Content-Disposition: form-data; name="file"; filename="invoice.pdf"\r\n'
        f"Content-Type: application/pdf\r\n\r\n{'%PDF-1.7 ' * 1000}"
    )
    return ("".join(f"--{BOUNDARY}\r\n{part}\r\n" for part in parts) + f"--{BOUNDARY}--\r\n").encode()


def cookies(value: str, at: int = 1) -> str:
    """Of consent, analytics, a session and a search, as shops set them; about 1.3 KB."""
    token = base64.urlsafe_b64encode(f"session {at} ".encode() * 50).decode()
    found = {
        f"_ga_{at + number:08X}": f"GS1.1.17156784{number:02}.{at}.1.17156790.0.0.0" for number in range(8)
    }
    found |= {"session": token, "cart": urlencode({"items": f"GR-{at}:2|GR-20817:1"}), "theme": "dark"}
    found |= {"consent": "eyJhbmFseXRpY3MiOnRydWUsImFkcyI6ZmFsc2V9", "_fbp": f"fb.1.1715678432.{at}"}
    found |= {"searched": quote(value, safe="")}
    return "; ".join(f"{name}={text}" for name, text in found.items())


def document(value: str, at: int = 1) -> bytes:
    """Reviews, 100 KiB of JSON."""
    reviews = [
        {
            "id": at + number,
            "stars": 1 + number % 5,
            "title": _SENTENCES[number % 3],
            "text": " ".join(_SENTENCES[(number + more) % 3] for more in range(4)),
        }
        for number in range(_ENTRIES)
    ]
    reviews[_ENTRIES // 2]["title"] = value
    return json.dumps(reviews).encode()


def text(value: str, at: int = 1) -> bytes:
    """One value of 1 MiB in JSON."""
    return json.dumps({"id": at, "text": f"{value} {TEXT}"}).encode()


#: 1 MiB.
TEXT: Final = " ".join(_SENTENCES * (1 + (1 << 20) // len(" ".join(_SENTENCES))))[: 1 << 20]
