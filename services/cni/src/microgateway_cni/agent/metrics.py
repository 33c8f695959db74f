"""Counters and gauges as Prometheus text (exposition format 0.0.4).

Counters begin at zero before anything happened: Prometheus sees a rise only between two samples.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from itertools import product

#: Name → type and help. Label values are from closed sets.
_FAMILIES = {
    "microgateway_cni_answers_total": ("counter", "Questions of the plugin, by answer."),
    "microgateway_cni_installs_total": (
        "counter",
        "Times something of the installation had to be put in place.",
    ),
    "microgateway_cni_install_failures_total": (
        "counter",
        "Times the installation could not be put in place.",
    ),
    "microgateway_cni_ready": ("gauge", "1 when the node is set up and the agent knows its pods."),
    "microgateway_cni_netcheck_pods": (
        "gauge",
        "Pods with an engine, by what their netcheck found last.",
    ),
    "microgateway_cni_repairs_total": ("counter", "Pods acted on, by type and result."),
    "microgateway_cni_unprotected_pods": ("gauge", "Labelled pods of the node, by what is wrong with them."),
    "microgateway_cni_watch_restarts_total": (
        "counter",
        "Times the watch of pods had to begin anew, by cause.",
    ),
}

#: Counter → its labels, and the values that each of them can have.
_COUNTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "microgateway_cni_answers_total": {"answer": ("missing", "pod", "unknown")},
    "microgateway_cni_installs_total": {},
    "microgateway_cni_install_failures_total": {},
    "microgateway_cni_repairs_total": {
        "result": ("conflict", "delayed", "failure", "success"),
        "type": ("delete", "label", "reprogram"),
    },
    "microgateway_cni_watch_restarts_total": {"cause": ("error", "expired")},
}


class Metrics:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, dict[tuple[tuple[str, str], ...], float]] = defaultdict(dict)
        for name, labels in _COUNTED.items():
            for values in product(*labels.values()):
                key = tuple((label, str(value)) for label, value in zip(labels, values, strict=True))
                self._values[name][key] = 0.0

    def count(self, name: str, **labels: str) -> None:
        key = tuple(sorted(labels.items()))
        with self._lock:
            family = self._values[name]
            family[key] = family.get(key, 0.0) + 1

    def set(self, name: str, value: float, **labels: str) -> None:
        with self._lock:
            self._values[name][tuple(sorted(labels.items()))] = value

    def text(self) -> str:
        with self._lock:
            lines = []
            for name, (kind, help_) in _FAMILIES.items():
                lines += [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]
                for labels, value in sorted(self._values[name].items()):
                    shown = ",".join(f'{label}="{text}"' for label, text in labels)
                    lines.append(f"{name}{{{shown}}} {value:g}" if shown else f"{name} {value:g}")
            return "\n".join(lines) + "\n"
