"""Each service account may do what its process does."""

from __future__ import annotations

from collections.abc import Iterator

from .expected import CNI, RIGHTS, Right, When
from .finding import Finding, failed, listed, ok, unread
from .snapshot import Held, Lacking, Missing, Snapshot, Unread
from .webhooks import uses_cert_manager
from .workloads import REDIS


def check(snapshot: Snapshot) -> Iterator[Finding]:
    for account, rights in RIGHTS.items():
        yield _account(snapshot, account, [each for each in rights if is_needed(snapshot, each)])


def is_needed(snapshot: Snapshot, right: Right) -> bool:
    match right.when:
        case When.ALWAYS:
            return True
        case When.OWN_CERTIFICATES:
            return not uses_cert_manager(snapshot)
        case When.OWN_REDIS:
            return not isinstance(snapshot.deployments[REDIS], Missing)
        case When.SOMETIMES:
            return False


def _account(snapshot: Snapshot, account: str, rights: list[Right]) -> Finding:
    namespace = snapshot.places.cni if account == CNI else snapshot.places.system
    missing = []
    for right in rights:
        match snapshot.rights[account, right]:
            case Unread(reason):
                return unread("rights", f"ask what {account} may", reason)
            case Lacking(namespaces):
                missing.append(f"{right}" + (f" in {listed(namespaces)}" if namespaces else ""))
            case Held():
                pass
    if missing:
        return failed(
            "rights", f"the service account {namespace}/{account} may not {'; '.join(missing[:5])}"
            + (f" and {len(missing) - 5} more" if len(missing) > 5 else ""),
            "apply the roles and bindings of deploy/kustomize again",
        )  # fmt: skip
    return ok("rights", f"{account} has all {len(rights)} that it needs")
