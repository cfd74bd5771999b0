"""Every table of the registry, gathered for migrations. Importing this module fills `metadata`."""

from registry.database.types import metadata


def all_tables() -> None:
    """Import each feature's tables, so that `metadata` is complete."""
    import registry.access.tables
    import registry.agencies.tables
    import registry.agreements.calendars.tables
    import registry.agreements.duties.tables
    import registry.agreements.insurance.tables
    import registry.agreements.review_tables
    import registry.agreements.signing_tables
    import registry.agreements.tables
    import registry.agreements.tracker.tables
    import registry.agreements.upkeep.tables
    import registry.assets.tables
    import registry.documents.tables
    import registry.http.tables
    import registry.ledger.tables
    import registry.loans.tables
    import registry.policy.tables
    import registry.requests.tables
    import registry.taxonomy.tables  # noqa: F401  # imported for what they register


__all__ = ["all_tables", "metadata"]
