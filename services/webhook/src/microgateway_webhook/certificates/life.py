"""The life of a CA and the next: at each moment what is shown is trusted. Pure; time comes as an argument.

    state        trusted            shown, signed by     ends when
    ─────────    ───────────────    ─────────────────    ───────────────────────────────────────────────
    Settled      CA                 CA                   two thirds of the CA's life are over
    Introducing  CA, successor      CA                   every configuration trusts both, overlap is over
    Retiring     former, CA         CA (the successor)   overlap is over

    (nothing, or expired) ─► Settled ─► Introducing ─► Retiring ─► Settled …

The overlap covers what cannot be observed: API servers that have not seen the new caBundle, replicas that
still show the former certificate. In every state the serving certificate is issued anew when two thirds of
its life are over. A CA that expired while nobody was looking (a cluster that slept) is replaced at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .authority import KeyPair, dns_names, issue, new_authority


@dataclass(frozen=True, slots=True)
class Policy:
    """names: DNS names of our Service, as the API server addresses it."""

    names: tuple[str, ...]
    authority_lifetime: timedelta = timedelta(days=365)
    serving_lifetime: timedelta = timedelta(days=30)
    overlap: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Settled:
    authority: KeyPair
    serving: KeyPair


@dataclass(frozen=True, slots=True)
class Introducing:
    """since: when the successor was made."""

    authority: KeyPair
    serving: KeyPair
    successor: KeyPair
    since: datetime


@dataclass(frozen=True, slots=True)
class Retiring:
    """former: a certificate only, its key is gone. since: when the serving certificate changed hands."""

    authority: KeyPair
    serving: KeyPair
    former: bytes
    since: datetime


State = Settled | Introducing | Retiring


def bundle(state: State) -> bytes:
    """Who is to be trusted: PEM certificates."""
    match state:
        case Settled(authority=authority):
            return authority.certificate
        case Introducing(authority=authority, successor=successor):
            return authority.certificate + successor.certificate
        case Retiring(authority=authority, former=former):
            return former + authority.certificate


def first(policy: Policy, now: datetime) -> Settled:
    authority = new_authority(now, policy.authority_lifetime)
    return Settled(authority, issue(authority, policy.names, now, policy.serving_lifetime))


def advance(state: State, policy: Policy, now: datetime, *, is_trusted: bool) -> State:
    """The state that should be now; the same object when nothing is due.

    is_trusted: every webhook configuration has the state's bundle.
    """
    if state.authority.expires <= now:
        return first(policy, now)
    following = _following(state, policy, now, is_trusted=is_trusted)
    if _is_due(following.serving, now) or set(dns_names(following.serving.certificate)) != set(policy.names):
        serving = issue(following.authority, policy.names, now, policy.serving_lifetime)
        return replace(following, serving=serving)
    return following


def _following(state: State, policy: Policy, now: datetime, *, is_trusted: bool) -> State:
    match state:
        case Settled(authority=authority, serving=serving) if _is_due(authority, now):
            successor = new_authority(now, policy.authority_lifetime)
            return Introducing(authority, serving, successor, now)
        case Introducing(authority=former, successor=successor, since=since) if (
            is_trusted and now - since >= policy.overlap
        ):
            serving = issue(successor, policy.names, now, policy.serving_lifetime)
            return Retiring(successor, serving, former.certificate, now)
        case Retiring(authority=authority, serving=serving, since=since) if now - since >= policy.overlap:
            return Settled(authority, serving)
        case _:
            return state


def _is_due(pair: KeyPair, now: datetime) -> bool:
    """A third before the end: whatever fails on the way has time to be noticed and mended."""
    return now >= pair.expires - (pair.expires - pair.begins) / 3
