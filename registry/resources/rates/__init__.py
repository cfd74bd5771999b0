"""What lending costs: schedules of rates of an agency and of its assets."""
