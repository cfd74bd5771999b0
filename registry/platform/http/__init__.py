"""HTTP: problem details, paging, preconditions, idempotency, limits, and generation of the contract."""
