"""Decides requests: may this agency borrow this resource, under which agreement, and on which conditions."""
