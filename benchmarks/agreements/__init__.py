"""What questions about agreements cost this service, and the bare SQL that answers the same."""
