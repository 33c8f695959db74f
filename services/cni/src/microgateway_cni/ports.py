"""Port numbers as people write them: `8081, 9090`."""

from __future__ import annotations


def parse_ports(text: str) -> frozenset[int]:
    """Numbers from 1 to 65535, separated by commas, blanks around them allowed; an empty text has none.

    Ranges are refused: each port kept out of the redirect is unprotected, so each is written down.
    Raises ValueError ("expected …, got …").
    """
    if not text.strip():
        return frozenset()
    return frozenset(parse_port(item) for item in text.split(","))


def parse_port(text: str) -> int:
    """One port number. Raises ValueError ("expected …, got …")."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 5 and 1 <= int(digits) <= 65535):
        raise ValueError(f"expected a port number from 1 to 65535, got {digits[:64]!r}")
    return int(digits)
