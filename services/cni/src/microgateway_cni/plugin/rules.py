"""The redirect in a pod's namespace, with the plugin's errors.

`main` imports this only when there are rules to set, compare or remove: most pods have none, and what starts
nft (subprocess, difflib) takes a quarter of the time that an ADD for them may take.
"""

from __future__ import annotations

from pathlib import Path

from microgateway_cni import observe
from microgateway_cni.apply import ApplyError, apply
from microgateway_cni.netns import NamespaceAt
from microgateway_cni.redirect import Redirect, install, remove

from .errors import CniError, Code


def set_rules(redirect: Redirect, namespace: Path) -> None:
    """Raises CniError with code RULES_NOT_SET."""
    try:
        apply(install(redirect), NamespaceAt(namespace))
    except ApplyError as error:
        message = "the pod must not start without its redirect"
        raise CniError(Code.RULES_NOT_SET, message, str(error)) from error


def require_rules(redirect: Redirect, namespace: Path) -> None:
    """Raises CniError with code RULES_DIFFER; its details name each rule."""
    try:
        found = observe.differences(redirect, NamespaceAt(namespace))
    except ApplyError as error:
        raise CniError(Code.RULES_DIFFER, "the rules cannot be compared", str(error)) from error
    if found:
        raise CniError(Code.RULES_DIFFER, "the rules are not those that ADD set", "; ".join(found))


def remove_rules(namespace: Path) -> None:
    """Raises CniError with code RULES_NOT_SET."""
    try:
        apply(remove(), NamespaceAt(namespace))
    except ApplyError as error:
        message = "the rules stay until the network namespace goes"
        raise CniError(Code.RULES_NOT_SET, message, str(error)) from error


def missing_programs() -> list[str]:
    """What the redirect needs of this node and is not there."""
    return observe.missing_programs()
