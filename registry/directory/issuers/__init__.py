"""Token issuers: whose tokens the registry accepts, and for which agencies."""
