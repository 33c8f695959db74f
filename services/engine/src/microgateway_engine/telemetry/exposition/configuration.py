"""What is served, how it came, and how long its certificates last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from microgateway_common.wire import WireErrorKind
from microgateway_engine.telemetry.prometheus import Family, Kind, counter, gauge, histogram, one

if TYPE_CHECKING:
    from microgateway_engine.config.store import ConfigStore

#: For which bundles and assignments are refused.
_REASONS: Final = (*map(str, WireErrorKind), "not_applicable")


def configuration(store: ConfigStore) -> Iterator[Family]:
    counters, runtime = store.counters, store.runtime
    yield one(
        Kind.GAUGE,
        "microgateway_config_ready",
        "1 while a configuration is served",
        0 if runtime is None else 1,
    )
    generation = gauge("microgateway_config_generation", "generation of the configuration served", "gateway")
    if runtime is not None:
        generation.add(runtime.generation, runtime.gateway)
    yield generation
    yield one(Kind.COUNTER, "microgateway_config_applied_total", "bundles applied", counters.applied)
    yield one(
        Kind.COUNTER,
        "microgateway_config_ignored_total",
        "bundles that were not newer",
        counters.ignored,
    )
    applying = histogram(
        "microgateway_config_apply_seconds", "from a bundle's arrival until requests see it, seconds"
    )
    applying.add_histogram(counters.applying)
    yield applying
    rejected = counter("microgateway_rejected_bundles_total", "bundles and assignments refused", "reason")
    # From zero on: Prometheus sees a rise only between two samples.
    for kind, count in {**dict.fromkeys(_REASONS, 0), **counters.rejected}.items():
        rejected.add(count, kind)
    yield rejected
    connected = int(counters.redis_connected)
    yield one(Kind.GAUGE, "microgateway_redis_connected", "1 while the bus is connected", connected)
    yield one(
        Kind.COUNTER,
        "microgateway_redis_disconnects_total",
        "times the bus was lost",
        counters.redis_disconnects,
    )


def certificates(store: ConfigStore) -> Iterator[Family]:
    family = gauge(
        "microgateway_certificate_expiry_timestamp_seconds",
        "when a certificate ends, or a revocation list has to be replaced, seconds since the epoch",
        "use",
        "certificate",
    )
    runtime = store.runtime
    for each in (*(() if runtime is None else runtime.certificates), *store.own_certificates):
        family.add(each.ends, each.use, each.certificate)
    yield family
