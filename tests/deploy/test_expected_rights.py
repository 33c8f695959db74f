"""What `microgateway check` expects of service accounts is what the manifests grant."""

from __future__ import annotations

import kustomize
import pytest
from kustomize import NODES, OVERLAYS, SYSTEM, Account, Permission, Variant

from microgateway_cli.check.expected import CNI, RIGHTS, Right, When, Where

STAGING = "deploy/kustomize/overlays/staging"


def permission(account: Account, right: Right) -> Permission:
    namespace = account.namespace if right.where is Where.OWN else ""
    return Permission(namespace, right.group, right.resource, right.name, right.verb)


@pytest.mark.parametrize("name", RIGHTS)
@pytest.mark.parametrize(
    ("variant", "unneeded"),
    [
        *((each, None) for each in OVERLAYS),
        (Variant(STAGING, ("cert-manager",)), When.OWN_CERTIFICATES),
        (Variant(STAGING, ("external-redis",)), When.OWN_REDIS),
    ],
    ids=str,
)
def test_each_right_is_granted_and_no_other(variant: Variant, unneeded: When | None, name: str) -> None:
    account = Account(NODES if name == CNI else SYSTEM, name)
    expected = {permission(account, right) for right in RIGHTS[name] if right.when is not unneeded}
    assert expected == kustomize.build(variant).granted(account)
