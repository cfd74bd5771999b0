"""Reviews of agreements: a frozen scorecard, what changed since the last one, and what each party decides."""
