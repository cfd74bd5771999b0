"""Service clients: programs of an agency that get their tokens from the registry itself (OAuth 2.0, RFC 6749)."""
