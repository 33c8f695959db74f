"""The API server asks the webhook, and believes its certificate."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from .finding import Finding, failed, ok, unread, warning
from .snapshot import Missing, Raw, Snapshot, Unread

#: Our own, and cert-manager's.
OWN, FOREIGN = "microgateway-webhook-certificates", "microgateway-webhook-tls"

#: Renewal comes weeks before; whatever is nearer to its end was forgotten.
SOON = timedelta(days=2)

CONFIGURATIONS: Mapping[str, frozenset[str]] = {
    "MutatingWebhookConfiguration": frozenset({"mutate-pod.microgateway.airlock.com"}),
    "ValidatingWebhookConfiguration": frozenset(
        {"validate-pod.microgateway.airlock.com", "validate-resource.microgateway.airlock.com"}
    ),
}

_LOOK = "kubectl -n {} logs deploy/microgateway-webhook"


def uses_cert_manager(snapshot: Snapshot) -> bool:
    return isinstance(snapshot.certificates[FOREIGN], dict)


def check(snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    for kind in CONFIGURATIONS:
        yield from _configuration(snapshot, kind, now)
    yield _serving(snapshot, now)


def _configuration(snapshot: Snapshot, kind: str, now: datetime) -> Iterator[Finding]:
    look = _LOOK.format(snapshot.places.system)
    install = "kubectl apply -k deploy/kustomize/overlays/…"
    match snapshot.webhooks[kind]:
        case Unread(reason):
            yield unread("webhooks", f"read the {kind}", reason)
            return
        case Missing():
            yield failed("webhooks", f"no {kind}: {_lost(kind)}", install)
            return
        case dict() as found:
            webhooks = {each["name"]: each for each in found.get("webhooks") or ()}
    faults = [failed("webhooks", f"{kind}: no {name}: {_lost(kind)}", install)
              for name in sorted(CONFIGURATIONS[kind] - webhooks.keys())]  # fmt: skip
    for name in sorted(CONFIGURATIONS[kind] & webhooks.keys()):
        faults += _webhook(snapshot, name, webhooks[name], now, look)
    yield from faults
    if not faults:
        yield ok("webhooks", f"{kind}: {len(CONFIGURATIONS[kind])}, trusting the certificate that is shown")


def _lost(kind: str) -> str:
    return "labelled pods get no gateway" if kind.startswith("Mutating") else "invalid resources are stored"


def _webhook(snapshot: Snapshot, name: str, raw: Raw, now: datetime, look: str) -> Iterator[Finding]:
    if raw.get("failurePolicy") != "Fail":
        yield failed(
            "webhooks", f"{name}: failurePolicy is {raw.get('failurePolicy')}: pods start unprotected while "
            "the webhook is away", "set it to Fail, as deploy/kustomize has it",
        )  # fmt: skip
    try:
        trusted = _certificates(base64.b64decode(raw["clientConfig"].get("caBundle") or "", validate=True))
    except (ValueError, binascii.Error):
        trusted = []
    if not trusted:
        yield failed("webhooks", f"{name}: caBundle has no certificate: the API server asks nobody", look)
        return
    valid = [each for each in trusted if each.not_valid_after_utc > now]
    if not valid:
        yield failed(
            "webhooks", f"{name}: the CA in caBundle expired {trusted[0].not_valid_after_utc:%F}", look
        )
        return
    shown = _shown(snapshot)
    if isinstance(shown, x509.Certificate) and not any(_signed(shown, each) for each in valid):
        yield failed("webhooks", f"{name}: caBundle is not of who signed the webhook's certificate", look)


def _serving(snapshot: Snapshot, now: datetime) -> Finding:
    about, look = "certificate", _LOOK.format(snapshot.places.system)
    match _shown(snapshot):
        case Unread(reason):
            return unread(about, "read the webhook's", reason)
        case Missing():
            return failed(about, f"the webhook has none: no Secret {OWN} in {snapshot.places.system}", look)
        case x509.Certificate() as shown:
            until = shown.not_valid_after_utc
            if until <= now:
                return failed(about, f"the webhook's expired {until:%F %H:%M}", look)
            if until - now < SOON:
                return warning(about, f"the webhook's expires {until:%F %H:%M} and was not renewed", look)
            return ok(about, f"the webhook's is valid until {until:%F}")


def _shown(snapshot: Snapshot) -> x509.Certificate | Missing | Unread:
    """The certificate that the webhook shows."""
    for name in (FOREIGN, OWN):
        found = snapshot.certificates[name]
        if isinstance(found, dict):
            try:
                return _certificates(base64.b64decode((found.get("data") or {}).get("tls.crt") or ""))[0]
            except (ValueError, IndexError):
                return Missing()
        if isinstance(found, Unread):
            return found
    return Missing()


def _certificates(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem) if pem else []


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
