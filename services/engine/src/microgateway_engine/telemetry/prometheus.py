"""Metric families as text, exposition format 0.0.4 of Prometheus.

Names are written as they are. Clients' libraries put `_total` behind every counter, and most of Envoy's have
none, whose names dashboards know.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct, field

from .counters import Histogram

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Family(Struct, frozen=True):
    """help: one line. labels: names, in the order of the values of each sample."""

    name: str
    kind: Kind
    help: str
    labels: Sequence[str] = ()
    _lines: list[str] = field(default_factory=list)

    def add(self, value: float, *values: str) -> None:
        """A sample. values: of the labels."""
        self._lines.append(f"{self.name}{_labels(self.labels, values)} {_number(value)}\n")

    def add_histogram(self, histogram: Histogram, *values: str) -> None:
        """The samples of one histogram: its buckets, cumulative, its sum and its count."""
        total = 0
        labels = (*self.labels, "le")
        for bound, count in zip((*histogram.bounds, math.inf), histogram.counts, strict=True):
            total += count
            shown = _labels(labels, (*values, _number(bound)))
            self._lines.append(f"{self.name}_bucket{shown} {total}\n")
        shown = _labels(self.labels, values)
        self._lines.append(f"{self.name}_sum{shown} {_number(histogram.sum)}\n")
        self._lines.append(f"{self.name}_count{shown} {total}\n")

    def text(self) -> str:
        head = f"# HELP {self.name} {_escaped(self.help)}\n# TYPE {self.name} {self.kind}\n"
        return head + "".join(self._lines)


def counter(name: str, text: str, *labels: str) -> Family:
    return Family(name, Kind.COUNTER, text, labels)


def gauge(name: str, text: str, *labels: str) -> Family:
    return Family(name, Kind.GAUGE, text, labels)


def histogram(name: str, text: str, *labels: str) -> Family:
    return Family(name, Kind.HISTOGRAM, text, labels)


def one(kind: Kind, name: str, text: str, value: float) -> Family:
    """A family of one sample without labels."""
    family = Family(name, kind, text)
    family.add(value)
    return family


def encode(families: Iterable[Family]) -> bytes:
    return "".join(family.text() for family in families).encode()


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    """In alphabetical order, as clients' libraries write them."""
    if not names:
        return ""
    pairs = sorted(zip(names, values, strict=True))
    return "{" + ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in pairs) + "}"


def _escaped(text: str, quotes: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text


def _number(value: float) -> str:
    if value == math.inf:
        return "+Inf"
    return repr(int(value)) if value == int(value) else repr(value)
