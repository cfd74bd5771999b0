"""Webhooks: what agencies have sent to programs of their own whenever an event of the ledger concerns them."""
