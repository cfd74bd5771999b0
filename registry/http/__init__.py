"""HTTP in one place: problems, paging, preconditions, idempotency, limits, and the assembled contract."""
