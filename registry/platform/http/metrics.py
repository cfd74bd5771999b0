"""What is counted and timed while requests are answered, for Prometheus."""

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, with the time of its first use


class RefusedBy(StrEnum):
    """The limit at which a request was refused."""

    READS = "reads"
    MAX_IN_FLIGHT = "max_in_flight"
    BODIES = "bodies"


class Metrics:
    """The service's metrics for Prometheus, in one Prometheus registry per application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "registry_requests_total", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "registry_request_seconds",
            "Time to answer.",
            ["method", "route"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.in_flight = Gauge("registry_requests_in_flight", "Requests being worked on.", registry=self.registry)
        self.tokens_refused = Counter(
            "registry_tokens_refused_total", "Bearer tokens refused.", ["reason"], registry=self.registry
        )
        self.clients_refused = Counter(
            "registry_clients_refused_total",
            "Service clients that did not prove who they are.",
            ["reason"],
            registry=self.registry,
        )
        self._counted: dict[tuple[str, str, int], Counter] = {}
        self._timed: dict[tuple[str, str], Histogram] = {}
        self.refused = Counter(
            "registry_requests_refused_total",
            "Requests refused at a limit, before they were worked on.",
            ["limit"],
            registry=self.registry,
        )
        for limit in RefusedBy:  # so that each is there before its first refusal
            self.refused.labels(limit)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request.

        The labelled counters are cached, because looking them up costs more than counting.
        """
        counted, timed = (method, route, status), (method, route)
        if counted not in self._counted:
            self._counted[counted] = self.requests.labels(method, route, str(status))
        if timed not in self._timed:
            self._timed[timed] = self.seconds.labels(method, route)
        self._counted[counted].inc()
        self._timed[timed].observe(seconds)
