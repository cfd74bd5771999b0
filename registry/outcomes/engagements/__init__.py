"""Engagements: exercises, training and community programmes, and the improvements that follow from them."""
