"""The metrics that the running service exposes, with the labels of each."""

from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import Service

_PARTS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


async def exposed(service: Service) -> dict[str, set[str] | None]:
    """Each name that a query may use, with its labels; None where the service has no sample of it now."""
    await service.anonymous.get("/problems/not_found")  # one request has been counted
    page = (await service.anonymous.get("/metrics")).text
    found: dict[str, set[str] | None] = {}
    for family in text_string_to_metric_families(page):
        for part in _PARTS[family.type]:
            found.setdefault(family.name + part, None)
        for sample in family.samples:
            found[sample.name] = (found.get(sample.name) or set()) | set(sample.labels)
    return found
