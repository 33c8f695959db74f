"""What parsers raise."""

from __future__ import annotations


class UnreadableError(ValueError):
    """The body is not what its type says, or would be read differently by different servers.

    subtype: of the ParserThreat, `json_malformed`. detail: for people, without request data.
    """

    def __init__(self, subtype: str, detail: str) -> None:
        super().__init__(detail)
        self.subtype = subtype
        self.detail = detail
