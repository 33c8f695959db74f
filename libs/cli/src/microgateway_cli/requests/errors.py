"""What readers of requests raise."""

from __future__ import annotations


class RequestInputError(ValueError):
    """What was given is no request; the message says what was expected and what came."""
