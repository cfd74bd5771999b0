"""Standard clauses, templates, and drafts made from them."""
