"""Objectives of agreements: what they are to achieve, what was measured, and whether it was met."""
