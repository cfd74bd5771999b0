"""Looking after a signed agreement: periodic review, how long its record is kept, and legal holds."""
