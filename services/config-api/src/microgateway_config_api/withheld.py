"""Whether a configuration has values that are not shown, and that nobody can therefore compare."""

from __future__ import annotations

from microgateway_common.difference import Tree
from microgateway_common.redact import REDACTED


def has_withheld(tree: Tree) -> bool:
    """tree: a redacted configuration."""
    match tree:
        case {"secrets": dict(secrets), **rest} if "gateway" in rest:
            return bool(secrets) or any(has_withheld(each) for each in rest.values())
        case dict():
            return any(has_withheld(each) for each in tree.values())
        case list() | tuple():
            return any(has_withheld(each) for each in tree)
        case str():
            return REDACTED in tree
        case _:
            return False
