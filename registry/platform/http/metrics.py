"""What is counted and timed while requests are answered, for Prometheus."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, with the time of its first use


FAULT: Final = 500
"""The status of a fault of the service."""
UNKNOWN_ISSUER: Final = "unknown"
"""Stands for every issuer that is not trusted: what a token that nobody verified says of itself is no label."""


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
        self.tokens_accepted = Counter(
            "registry_tokens_accepted_total", "Bearer tokens accepted.", ["issuer"], registry=self.registry
        )
        self.tokens_refused = Counter(
            "registry_tokens_refused_total", "Bearer tokens refused.", ["issuer", "reason"], registry=self.registry
        )
        self.clients_refused = Counter(
            "registry_clients_refused_total",
            "Service clients that did not prove who they are.",
            ["reason"],
            registry=self.registry,
        )
        self._counted: dict[tuple[str, str, int], Counter] = {}
        self._timed: dict[tuple[str, str], Histogram] = {}
        self._accepted: dict[str, Counter] = {}
        self.refused = Counter(
            "registry_requests_refused_total",
            "Requests refused at a limit, before they were worked on.",
            ["limit"],
            registry=self.registry,
        )
        for limit in RefusedBy:  # so that each is there before its first refusal
            self.refused.labels(limit)

    def expect(self, method: str, route: str) -> None:
        """Have a series of its faults before the first, which is seen as an increase only where it begins at 0."""
        self.requests.labels(method, route, str(FAULT))

    def accept(self, issuer: str) -> None:
        """Count a token that was accepted, of a trusted issuer."""
        if issuer not in self._accepted:
            self._accepted[issuer] = self.tokens_accepted.labels(issuer)
        self._accepted[issuer].inc()

    def refuse(self, issuer: str | None, reason: str) -> None:
        """Count a token that was refused: of a trusted issuer, or of another (None), whatever that calls itself."""
        self.tokens_refused.labels(issuer or UNKNOWN_ISSUER, reason).inc()

    def expect_tokens(self, issuers: Iterable[str], reasons: Iterable[str]) -> None:
        """Have the series of these issuers, and of those that are not known, before their first tokens."""
        listed = tuple(reasons)
        for issuer in issuers:
            self.tokens_accepted.labels(issuer)
            for reason in listed:
                self.tokens_refused.labels(issuer, reason)
        for reason in listed:
            self.tokens_refused.labels(UNKNOWN_ISSUER, reason)

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
