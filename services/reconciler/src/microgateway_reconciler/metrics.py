"""What happened, for Prometheus. Labels are bounded: kinds of things and namespaces, and names of gateways in
the one family that dashboards know with names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Histogram, make_wsgi_app, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from microgateway_common.names import PodKey, split_key
from microgateway_common.problems import Severity
from microgateway_common.settings import Address
from microgateway_common.status import ConditionStatus, GatewayStatus, Phase

from .health import with_health

#: Upper bounds in seconds: what is compiled, written and acknowledged takes milliseconds when all is well.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_VALUES = {ConditionStatus.TRUE: 1, ConditionStatus.FALSE: 0, ConditionStatus.UNKNOWN: -1}


class Metrics(Collector):
    """Counters that the parts of the reconciler raise. statuses: of all gateways, at this moment.
    unprotected: labelled pods without engine, at this moment. queue: what Redis has not been told, by kind.
    redis_authority_ends: seconds since the epoch, 0 for none."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.statuses: Callable[[], Iterable[GatewayStatus]] = tuple
        self.unprotected: Callable[[], Iterable[PodKey]] = tuple
        self.queue: Callable[[], Mapping[str, int]] = dict
        self.redis_authority_ends = 0.0
        self.redis_losses = 0
        self.connected = False
        self.batches = 0
        self.compiled = 0
        self.compile_seconds = 0.0
        self.published = 0
        self.leading = False
        self.statuses_written = 0
        self.events_written = 0
        self.block_events_kept = 0
        self.block_events_refused = 0
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)
        self._reconciling = self._histogram(
            "microgateway_reconcile_seconds",
            "compiling what a burst of changes touches, seconds",
        )
        self._writing = self._histogram(
            "microgateway_publish_seconds", "writing to Redis what had changed, seconds"
        )
        self._acknowledging = self._histogram(
            "microgateway_acknowledge_seconds",
            "from a bundle's publication until an engine says that it serves it, seconds",
        )

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, buckets=_SECONDS, registry=self.registry)

    def reconciled(self, seconds: float, compiled: int) -> None:
        """A burst of changes is compiled. compiled: gateways."""
        self.batches += 1
        self.compiled += compiled
        self.compile_seconds += seconds
        self._reconciling.observe(seconds)

    def wrote(self, seconds: float) -> None:
        self._writing.observe(seconds)

    def acknowledged(self, seconds: float) -> None:
        """An engine that served something earlier serves what was published that long ago."""
        self._acknowledging.observe(seconds)

    def serve(self, listen: Address, not_ready: Callable[[], str] = str) -> WSGIServer:
        """`/metrics`, `/livez` and `/readyz` on an address, from a thread. Raises OSError when it is taken.
        not_ready: why this process is not, empty when it is."""
        server, _ = start_http_server(listen.port, listen.host, self.registry)
        server.set_app(with_health(make_wsgi_app(self.registry), not_ready))
        return server

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("microgateway_build_info", "version of the reconciler", labels=["version"])
        build.add_metric([self._version], 1)
        yield build
        yield CounterMetricFamily(
            "microgateway_source_batches", "bursts of changed objects taken in", self.batches
        )
        yield CounterMetricFamily("microgateway_gateways_compiled", "gateways compiled", self.compiled)
        yield CounterMetricFamily(
            "microgateway_compile_seconds", "time spent compiling, seconds", self.compile_seconds
        )
        yield CounterMetricFamily("microgateway_bundles_published", "bundles published", self.published)
        yield GaugeMetricFamily("microgateway_redis_connected", "1 while Redis answers", int(self.connected))
        yield CounterMetricFamily("microgateway_redis_disconnects", "times Redis was lost", self.redis_losses)
        queue = GaugeMetricFamily(
            "microgateway_publication_queue", "what Redis has not been told yet", labels=["kind"]
        )
        for kind, count in self.queue().items():
            queue.add_metric([kind], count)
        yield queue
        yield self._certificates()
        yield GaugeMetricFamily("microgateway_leader", "1 while this reconciler publishes", int(self.leading))
        yield CounterMetricFamily(
            "microgateway_statuses_written", "statuses of objects written", self.statuses_written
        )
        yield CounterMetricFamily(
            "microgateway_events_written", "Kubernetes Events written", self.events_written
        )
        yield CounterMetricFamily(
            "microgateway_block_events_kept", "events of blocks kept in Redis", self.block_events_kept
        )
        yield CounterMetricFamily(
            "microgateway_block_events_refused",
            "events of blocks that were unreadable, of nobody we know, or too many",
            self.block_events_refused,
        )
        yield from self._gateways()
        yield self._unprotected_pods()

    def _certificates(self) -> Metric:
        family = GaugeMetricFamily(
            "microgateway_certificate_expiry_timestamp_seconds",
            "when a certificate ends, seconds since the epoch",
            labels=["use", "certificate"],
        )
        if self.redis_authority_ends:
            family.add_metric(["redis-authority", "reconciler"], self.redis_authority_ends)
        return family

    def _gateways(self) -> Iterator[Metric]:
        statuses = list(self.statuses())
        phases = Counter(status.phase for status in statuses)
        by_phase = GaugeMetricFamily("microgateway_gateways", "gateways by status", labels=["status"])
        for phase in Phase:
            by_phase.add_metric([str(phase)], phases[phase])
        yield by_phase
        conditions = GaugeMetricFamily(
            "microgateway_config_resource_condition",
            "conditions of gateways: 1 true, 0 false, -1 unknown",
            labels=["kind", "namespace", "name", "type"],
        )
        for status in statuses:
            namespace, name = split_key(status.gateway)
            for each in status.conditions:
                conditions.add_metric(["SidecarGateway", namespace, name, each.type], _VALUES[each.status])
        yield conditions
        severities = Counter(problem.severity for status in statuses for problem in status.problems)
        problems = GaugeMetricFamily(
            "microgateway_problems", "problems of gateways by severity", labels=["severity"]
        )
        for severity in Severity:
            problems.add_metric([str(severity)], severities[severity])
        yield problems
        pods = sum(len(status.pods) for status in statuses)
        in_sync = sum(len(status.in_sync) for status in statuses)
        yield GaugeMetricFamily("microgateway_sidecars", "pods that gateways own", pods)
        yield GaugeMetricFamily(
            "microgateway_sidecars_in_sync", "of those, pods whose engine serves what is published", in_sync
        )

    def _unprotected_pods(self) -> Metric:
        pods = GaugeMetricFamily(
            "microgateway_unprotected_pods",
            "pods with the inject label and without engine, which nothing protects",
            labels=["namespace"],
        )
        # A copy: this is the thread of the metrics, and pods come and go meanwhile.
        namespaces = Counter(split_key(pod)[0] for pod in list(self.unprotected()))
        for namespace, count in sorted(namespaces.items()):
            pods.add_metric([namespace], count)
        return pods
