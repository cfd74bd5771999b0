"""Authentication and authorisation: tokens, principals, roles, the permission table, revocation."""
