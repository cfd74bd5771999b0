"""Bulk imports: reading sheets, transactions in batches, progress, and a report for each row."""
