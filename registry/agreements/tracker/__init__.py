"""Agreements taken over in bulk: from the spreadsheet that legal staff keep, or from another body's published list."""
