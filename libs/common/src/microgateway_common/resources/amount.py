"""CPU and memory of a container as Kubernetes quantities: `500m`, `0.5`, `128Mi`.

Not `quantity`, which counts whole bytes: half a CPU is none there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import re2

_PARTS = re2.compile(r"([0-9]{1,18}(?:\.[0-9]{0,9})?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")

_SCALES = {
    "": Fraction(1),
    "m": Fraction(1, 1000),
    **{prefix: Fraction(1000**power) for power, prefix in enumerate("kMGTPE", start=1)},
    **{prefix + "i": Fraction(1024**power) for power, prefix in enumerate("KMGTPE", start=1)},
}


@dataclass(frozen=True, slots=True)
class Amount:
    """text: as written. value: cores or bytes."""

    text: str
    value: Fraction


def parse_amount(text: str) -> Amount:
    """Without sign and exponent, which no container needs. Raises ValueError ("expected …, got …")."""
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise ValueError(f"expected a quantity such as 500m or 128Mi, got {text[:64]!r}")
    return Amount(text, Fraction(parts[1]) * _SCALES[parts[2] or ""])
