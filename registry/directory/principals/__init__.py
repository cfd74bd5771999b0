"""Principals: the people and services that have used the registry, as their tokens described them."""
