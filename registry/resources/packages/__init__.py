"""Packages: assets of one agency that are found, asked for and lent together, whole or not at all."""
