"""Medians over rounds with their spread, and ratios that are taken round by round."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.measure import Sample


@dataclass(frozen=True, slots=True)
class Spread:
    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Row:
    """One peer in one case over all rounds; fields as in Sample. disturbed: the largest share of the peer's
    CPU that went elsewhere."""

    case: str
    peer: str
    rate: Spread
    p50: Spread
    p99: Spread
    cpu: Spread
    busy: Spread
    disturbed: float
    rss: Spread
    pss: Spread


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the work of another peer one does, in one case.

    rate: by requests per second. cpu: by CPU time a request, which also holds where the other peer
    waited for the load. sober: the smaller median.
    """

    case: str
    against: str
    rate: Spread
    cpu: Spread

    @property
    def sober(self) -> float:
        return min(self.rate.median, self.cpu.median)


def spread(values: Iterable[float]) -> Spread:
    """Raises ValueError when there are none."""
    found = sorted(values)
    if not found:
        raise ValueError("spread: expected at least one value, got none")
    return Spread(statistics.median(found), found[0], found[-1])


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed (nearest rank).

    Raises ValueError when there are none or share is not above 0 and at most 1.
    """
    if not values or not 0 < share <= 1:
        raise ValueError(f"quantile: expected values and a share in (0, 1], got {len(values)} and {share}")
    return sorted(values)[math.ceil(share * len(values)) - 1]


def rows(samples: Sequence[Sample]) -> list[Row]:
    """One for each case, in the order they were measured, and peer."""
    return [_row(group) for group in _groups(samples).values()]


def ratios(samples: Sequence[Sample], ours: str) -> list[Ratio]:
    """Of `ours` to each other peer, by case. Raises ValueError when rounds lack a sample."""
    groups = _groups(samples)
    found: list[Ratio] = []
    for (case, peer), theirs in groups.items():
        if peer == ours:
            continue
        mine = groups.get((case, ours), [])
        if [each.round for each in mine] != [each.round for each in theirs]:
            raise ValueError(f"{case}: expected the same rounds of {ours} and {peer}")
        pairs = list(zip(mine, theirs, strict=True))
        rate = spread(one.rate / other.rate for one, other in pairs)
        cpu = spread(other.cpu / one.cpu for one, other in pairs)
        found.append(Ratio(case, peer, rate, cpu))
    return found


def _groups(samples: Sequence[Sample]) -> dict[tuple[str, str], list[Sample]]:
    groups: dict[tuple[str, str], list[Sample]] = {}
    order = {case: number for number, case in enumerate(dict.fromkeys(each.case for each in samples))}
    for sample in sorted(samples, key=lambda each: (order[each.case], each.peer, each.round)):
        groups.setdefault((sample.case, sample.peer), []).append(sample)
    return groups


def _row(group: Sequence[Sample]) -> Row:
    return Row(
        case=group[0].case,
        peer=group[0].peer,
        rate=spread(each.rate for each in group),
        p50=spread(each.p50 for each in group),
        p99=spread(each.p99 for each in group),
        cpu=spread(each.cpu for each in group),
        busy=spread(each.busy for each in group),
        disturbed=max(each.others + each.stolen for each in group),
        rss=spread(each.rss for each in group),
        pss=spread(each.pss for each in group),
    )
