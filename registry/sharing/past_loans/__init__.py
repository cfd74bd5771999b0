"""Loans of before the registry, which one side takes over from its own records and the other may contest."""
