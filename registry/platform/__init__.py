"""Infrastructure that does not depend on the subject of the service: HTTP, access control, databases, files, ledger."""
