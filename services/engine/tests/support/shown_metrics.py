"""What one process counts, and what Prometheus reads of it."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from microgateway_engine.config.store import ConfigStore
from microgateway_engine.telemetry.exposition.page import render
from microgateway_engine.telemetry.metrics import Metrics
from microgateway_engine.telemetry.processes import Processes, one_process


@dataclass
class Shown:
    store: ConfigStore
    metrics: Metrics
    processes: Processes
    draining: bool = False

    @classmethod
    def of(cls, store: ConfigStore, metrics: Metrics) -> Shown:
        return cls(store, metrics, one_process())

    def text(self) -> str:
        counters = self.metrics.counters()
        return render("1.2.3", self.store, counters, self.processes, draining=self.draining).decode()

    def samples(self) -> dict[str, float]:
        """`name{label="value"}` to value, as Prometheus' own client reads it; but to counters it would add
        `_total`, which Prometheus itself does not."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self.text().replace(" counter\n", " untyped\n")):
            for name, labels, value, *_ in family.samples:
                text = ",".join(f'{label}="{each}"' for label, each in sorted(labels.items()))
                key = f"{name}{{{text}}}" if text else name
                assert key not in found
                found[key] = value
        return found
