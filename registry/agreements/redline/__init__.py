"""What differs: between two versions, between two agreements, and from the standard clauses; also as pages to read."""
