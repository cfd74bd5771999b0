"""Revocations: tokens, and persons of an agency, that are refused from now on."""
