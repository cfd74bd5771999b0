"""Standard clauses and templates, kept as data, and drafts made from them; no legal advice: have counsel review."""
